"""Layout of the package: rooms that import one way only, without a circle."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gridhydro"
# from the ground up; each room may import those before it
ROOMS = (
    "base", "columns", "reaches", "domain", "io", "evaluation", "nets", "inputs", "observations",
    "surrogate", "model", "training", "analysis", "synthetic", "config",
)  # fmt: skip
# above all rooms: the face, the command line
ABOVE = ("__init__", "cli")


def imports(path: Path):
    """(line, dotted name) of each import, wherever it stands in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: imports are written in full"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_file_has_a_room():
    assert {room_of(path) for path in PACKAGE.rglob("*.py")} == {*ROOMS, *ABOVE, "__main__"}


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_rooms_before_them(room):
    above = {*ROOMS[ROOMS.index(room) + 1 :], "cli"}
    for path in (PACKAGE / room).rglob("*.py"):
        for line, name in imports(path):
            parts = name.split(".")
            where = f"{path.relative_to(PACKAGE)}:{line} imports {name}"
            if parts[0] == "gridhydro":
                assert parts[1] not in above, where
                # the face loads lazily from any room: asking it from inside would hide a circle
                assert parts[1] in (*ROOMS, "kernels", "domains"), where


def test_files_import_each_other_without_a_circle():
    names = {
        path: ".".join(("gridhydro", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    known = set(names.values())
    needs = {}
    for path, name in names.items():
        found = {m for _, one in imports(path) for m in (one, one.rpartition(".")[0])}
        needs[name] = (found & known) - {name}
    while free := [name for name, needed in needs.items() if not needed & needs.keys()]:
        for name in free:
            del needs[name]
    assert not needs, f"these import each other in a circle: {sorted(needs)}"


def functions():
    """(where, name, lines behind the docstring, number of arguments) of every function."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) and len(node.body) > 1
                first = node.body[1] if documented else node.body[0]
                given = node.args
                count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)
                lines = (node.end_lineno or 0) - first.lineno + 1
                yield path.relative_to(PACKAGE), node.name, lines, count


def test_functions_are_short_and_take_few_arguments():
    """80 lines, 12 arguments: more is for parts, and for options of one kind in a dataclass."""
    found = list(functions())
    assert len(found) > 1000
    for path, name, lines, count in found:
        assert lines <= 80 and count <= 12, f"{path}: {name} has {lines} lines, {count} arguments"
