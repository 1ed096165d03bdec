"""What is installed: every subpackage and domain file, importable from anywhere."""

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import gridhydro

ROOT = Path(__file__).parents[1]
FOLDERS = {"gridhydro": "gridhydro", "kernels": "gridhydro/kernels", "domains": "gridhydro/domains"}


def sources() -> dict[str, Path]:
    """Modules, domain files and pages, by their place in the installed package."""
    return {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}": path
        for folder, package in FOLDERS.items()
        for pattern in ("*.py", "*.toml", "*.css", "*.js", "py.typed")
        for path in (ROOT / folder).rglob(pattern)
    }


def test_the_wheel_holds_everything(tmp_path):
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed, and a test does not fetch it")
    # outside the repository, so that what an earlier build left behind does not count
    tree = tmp_path / "tree"
    for name, path in sources().items():
        folder = name.split("/")[1] if name.split("/")[1] in ("kernels", "domains") else ""
        target = tree / (name.removeprefix("gridhydro/") if folder else name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (tree / name).write_bytes((ROOT / name).read_bytes())
    build = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tree / "dist").glob(f"gridhydro-{gridhydro.__version__}-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert set(sources()) <= held, sorted(set(sources()) - held)
    tops = {name.split("/")[0] for name in held if ".dist-info" not in name}
    assert tops == {"gridhydro"}
    assert "gridhydro/py.typed" in held  # so that type checkers read the annotations


def test_the_version_stands_in_one_place():
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert content["project"]["dynamic"] == ["version"] and "version" not in content["project"]
    assert content["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "gridhydro.__version__"}
    text = (ROOT / "gridhydro" / "__init__.py").read_text()
    assert text.count(gridhydro.__version__) == 1


@pytest.mark.parametrize("package", ["gridhydro", "gridhydro.nets"])
def test_names_that_load_lazily_are_those_that_type_checkers_see(package):
    """One list for python, one for readers of the code, one for `import *`: all the same."""
    face = importlib.import_module(package)
    tree = ast.parse(Path(face.__file__).read_text())
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    shown = {
        alias.name: f"{node.module}.{alias.name}" if node.module == "gridhydro" else node.module
        for node in block.body
        for alias in node.names
    }
    assert set(shown) == set(face.__all__) == set(dir(face))
    for name, module in shown.items():
        found = getattr(face, name)
        if f"{module}.{name}" in sys.modules:  # public as a whole
            assert found is sys.modules[f"{module}.{name}"]
        elif module in sys.modules and not inspect.ismodule(found):
            assert found is vars(sys.modules[module])[name]
        else:
            assert found is sys.modules[module]
    with pytest.raises(AttributeError, match=f"{package} has no 'nothing'; it has"):
        face.nothing  # noqa: B018


def test_no_module_carries_the_name_of_something_public():
    for name in set(gridhydro.__all__) - {"io", "nets", "surrogate"}:
        assert importlib.util.find_spec(f"gridhydro.{name}") is None, name


def test_package_imports_from_another_folder(tmp_path):
    code = "import gridhydro, gridhydro.kernels, gridhydro.domains; print(gridhydro.__name__)"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_checkout_finds_its_kernels_without_being_installed():
    code = """
import sys

sys.meta_path = [one for one in sys.meta_path if "editable" not in str(one).lower()]
import gridhydro.domains, gridhydro.kernels.launch

print(gridhydro.kernels.__file__)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == ROOT / "kernels" / "__init__.py"


def test_the_kernels_never_import_the_package():
    for path in (ROOT / "kernels").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{path.name}:{node.lineno} reaches above its folder"
                found = [] if node.level else [node.module]
            else:
                continue
            for name in found:
                inside = name == "gridhydro.kernels" or name.startswith("gridhydro.kernels.")
                assert inside or name.split(".")[0] != "gridhydro", f"{path.name}:{node.lineno}"


def test_the_citation_names_the_version():
    from gridhydro import __version__

    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
