"""What the README shows is run as it stands there."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_column_of_ones_own_runs_and_is_short(tmp_path):
    block = next(b for b in BLOCKS if "class Bucket" in b)
    assert len(block.splitlines()) < 40
    path = tmp_path / "bucket.py"
    path.write_text(block)
    specification = importlib.util.spec_from_file_location("bucket", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.outputs["runoff"].shape == (730, 1000)
    assert (module.outputs["runoff"] >= 0).all() and module.outputs["runoff"].max() > 0
    assert module.capacity.grad.abs().sum() > 0


def test_the_quick_start_uses_what_there_is():
    """The names and keywords of the quick start exist; its files are the reader's own."""
    import inspect

    import gridhydro as gh

    block = next(b for b in BLOCKS if "gh.train" in b)
    compile(block, "README", "exec")
    calls = {
        "gh.Domain.from_d8": gh.Domain.from_d8,
        "gh.Model": gh.Model,
        "gh.train": gh.train,
        "run.evaluate": gh.Run.evaluate,
        "run.simulate": gh.Run.simulate,
        "run.save": gh.Run.save,
    }
    for text, function in calls.items():
        keywords = re.findall(r"(\w+)=", re.search(re.escape(text) + r"\((.*)\)", block)[1])
        for keyword in keywords:
            assert keyword in inspect.signature(function).parameters, f"{text}({keyword}=)"
    for name in re.findall(r"gh\.(\w+)", block):
        assert hasattr(gh, name)


def test_links_of_the_readme_lead_somewhere():
    pages = re.findall(r"\]\((docs/[^)#]+)\)", README)
    assert len(pages) > 15 and all((ROOT / page).is_file() for page in pages)
    assert len(README.splitlines()) < 160  # the rest stands in the documentation


@pytest.mark.parametrize(
    "command", ["gridhydro demo", "pytest -n auto", "mkdocs build --strict -f docs/mkdocs.yml"]
)
def test_the_commands_install_with_the_constraints(command):
    line = next(line for line in README.splitlines() if line.endswith(f"&& {command}"))
    assert line.startswith("pip install -c constraints.txt -e ")
