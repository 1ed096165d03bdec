"""How long a user waits for an import or for help, in units of an import of torch."""

import os
import subprocess
import sys


def seconds(*arguments: str) -> float:
    """CPU time of a fresh python with these arguments, best of two: other load hardly counts."""
    found = []
    for _ in range(2):
        child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, arguments
        found.append(used.ru_utime + used.ru_stime)
    return min(found)


def test_imports_and_help_beside_an_import_of_torch():
    torch = seconds("-c", "import torch")
    ratios = {
        what: seconds(*arguments) / torch
        for what, arguments in {
            "import": ("-c", "import gridhydro"),
            "columns": ("-c", "from gridhydro import Column, fields, simulate"),
            "help": ("-m", "gridhydro.cli", "--help"),
            "version": ("-m", "gridhydro.cli", "--version"),
        }.items()
    }
    assert ratios["columns"] < 1.3, ratios  # what it takes to run a column of one's own
    # nothing large is loaded for these
    assert max(ratios[what] for what in ("import", "help", "version")) < 0.5, ratios


def test_rasters_have_their_accessor():
    script = "import xarray, gridhydro; xarray.DataArray([[1.0]], dims=('y', 'x')).rio.crs"
    subprocess.run([sys.executable, "-c", script], check=True)
