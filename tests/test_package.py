"""What is installed: every subpackage and domain file, importable from anywhere."""

import ast
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"gridhydro": "gridhydro", "kernels": "gridhydro/kernels", "domains": "gridhydro/domains"}


def sources() -> dict[str, Path]:
    """Modules, domain files and guides, by their place in the installed package."""
    return {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}": path
        for folder, package in FOLDERS.items()
        for pattern in ("*.py", "*.toml", "*.md")
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
    (wheel,) = (tree / "dist").glob("gridhydro-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert set(sources()) <= held, sorted(set(sources()) - held)
    tops = {name.split("/")[0] for name in held if ".dist-info" not in name}
    assert tops == {"gridhydro"}


def test_imports_from_another_folder(tmp_path):
    code = "import gridhydro, gridhydro.kernels, gridhydro.domains; print(gridhydro.__name__)"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


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
