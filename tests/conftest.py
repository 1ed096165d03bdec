"""What every test shares: the folder of real data, the Triton interpreter, how workers share."""

import gc
import os
import sys
from pathlib import Path

import pytest

from tests.support.quick_figures import draw_quickly

# workers share the processors by tests: threads within each would only wait for one another; torch
# reads this when it is first imported, here and in the processes that a test starts
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

# triton reads this when it is first imported: without a GPU its kernels run in the interpreter
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

ROOT = Path(__file__).parents[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Neighbours run on one worker, which compiles their kernels once; an idle one takes half."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


def pytest_collection_finish():
    """What has been imported by now stays: looking for garbage in it again and again, while
    kernels are compiled or interpreted, takes an eighth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


# whether figures are laid out and drawn as users see them
_drawn = True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """The layout of a figure takes seconds, longer than a small training: it is made in the tests
    of plots and of analyses, and left out where a figure is one of many files of a run."""
    global _drawn
    _drawn = item.path.parent.name in ("evaluation", "analysis")


@pytest.fixture(scope="session", autouse=True)
def figures_without_layout():
    with pytest.MonkeyPatch.context() as patch:
        draw_quickly(patch.setattr, unless=lambda: _drawn)
        yield


@pytest.fixture
def without_layout(monkeypatch):
    """For a test of analyses whose figures another one lays out."""
    monkeypatch.setattr(sys.modules[__name__], "_drawn", False)


@pytest.fixture(scope="session")
def data():
    """A function giving the path of a real data file; skips when the file is not there."""
    folder = Path(os.environ.get("GRIDHYDRO_TEST_DATA", ROOT / "../shared/data"))

    def path(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"{name} is not under {folder}: set GRIDHYDRO_TEST_DATA to the test data")
        return folder / name

    return path
