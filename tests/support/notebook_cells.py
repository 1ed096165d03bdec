"""The cells of a notebook, one after another in the shell that Jupyter has, without its server and
kernel: `python -m tests.support.notebook_cells FILE` prints how many things they have shown."""

import sys

import matplotlib
import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

if __name__ == "__main__":
    matplotlib.use("agg")
    shell, shown = InteractiveShell.instance(), 0
    for cell in nbformat.read(sys.argv[1], as_version=4).cells:
        if cell.cell_type == "code":
            with capture_output() as told:
                result = shell.run_cell(cell.source)
            sys.stderr.write(told.stdout + told.stderr)
            result.raise_error()
            shown += len(told.outputs) + bool(told.stdout)
    print(shown)
