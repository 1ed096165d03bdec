"""What every test shares: the folder of real data, and the Triton interpreter without a GPU."""

import os
from pathlib import Path

import pytest
import torch

# triton reads this when it is first imported: without a GPU its kernels run in the interpreter
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data():
    """A function giving the path of a real data file; skips when the file is not there."""
    folder = Path(os.environ.get("GRIDHYDRO_TEST_DATA", ROOT / "../shared/data"))

    def path(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"{name} is not under {folder}: set GRIDHYDRO_TEST_DATA to the test data")
        return folder / name

    return path
