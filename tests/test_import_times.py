"""How long a user waits for an import or for help, in units of an import of torch."""

import os
import subprocess
import sys


def seconds(*arguments: str) -> float:
    """CPU time of a fresh python with these arguments: other load hardly counts."""
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, arguments
    return used.ru_utime + used.ru_stime


# a column of one's own takes little more than torch; nothing large is loaded for the others
LONGEST = {
    ("-c", "from gridhydro import Column, fields, simulate"): 1.3,
    ("-c", "import gridhydro"): 0.5,
    ("-m", "gridhydro", "--help"): 0.5,
    ("-m", "gridhydro", "--version"): 0.5,
}


def test_imports_and_help_beside_an_import_of_torch():
    torch = seconds("-c", "import torch")
    for arguments, longest in LONGEST.items():
        # what is too long by other load, or by files read for the first time, is not so again
        found = (seconds(*arguments) / torch for _ in range(2))
        assert any(ratio < longest for ratio in found), arguments


def test_rasters_have_their_accessor():
    script = "import xarray, gridhydro; xarray.DataArray([[1.0]], dims=('y', 'x')).rio.crs"
    subprocess.run([sys.executable, "-c", script], check=True)
