"""The list of commands: complete, quick to print, and every command explains itself."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import commands, options
from gridhydro.cli import program

BENCHMARKS = Path(commands.__file__).parent


def test_listing_names_every_command_with_a_line():
    lines = commands.listing().splitlines()
    for group in commands.COMMANDS.values():
        for name, (_, line) in group.items():
            assert line and any(row.split() == [name, *line.split()] for row in lines)
    assert len(set(commands.names())) == len(commands.names())


def test_listing_imports_neither_torch_nor_gridhydro():
    script = "import sys; from benchmarks import commands; commands.main([]); " \
             "print(sorted({'torch', 'numpy', 'gridhydro'} & set(sys.modules)))"  # fmt: skip
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=BENCHMARKS.parent,
    ).stdout  # fmt: skip
    assert "soil-moisture" in printed and printed.splitlines()[-1] == "[]"


def test_every_module_that_runs_is_a_command():
    found = {
        ".".join(path.relative_to(BENCHMARKS).with_suffix("").parts)
        for path in BENCHMARKS.rglob("*.py") if "\nmain = " in path.read_text()
        or "\ndef main(given" in path.read_text() or "\narguments, main = " in path.read_text()
    }  # fmt: skip
    named = {module for group in commands.COMMANDS.values() for module, _ in group.values()}
    assert found == named


@pytest.mark.parametrize("name", commands.names())
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as left:
        commands.main([name, "--help"])
    text = capsys.readouterr().out
    assert left.value.code == 0
    assert text.startswith(f"usage: python -m benchmarks {name} ")
    first = commands.module_of(name).__doc__.splitlines()[0]
    assert first in text
    for option in commands.parser(name)._actions:
        assert option.help, f"{name} {option.option_strings[0]} says nothing"


def commands_in(text):
    """The commands of a Markdown file, as lists of words."""
    lines = [line.strip() for line in text.splitlines()]
    found = [
        shlex.split(line, comments=True)[3:]
        for line in lines if line.startswith("python -m benchmarks ") and "|" not in line
    ]  # fmt: skip
    return [words for words in found if words]


@pytest.mark.parametrize(
    "page", sorted(options.RESULTS.rglob("README.md")), ids=lambda page: page.parent.name
)
def test_commands_on_pages_can_be_given(page):
    text = page.read_text()
    found = commands_in(text)
    for name, *words in found:
        commands.parser(name).parse_args(words)
    # of gridhydro itself, with the domain file that lies beside the page
    own = [line.split()[1:] for line in text.splitlines() if line.startswith("    gridhydro ")]
    for words in own:
        given = program.parser().parse_args(words)
        assert (options.RESULTS.parents[1] / given.domain).is_file()
    assert found or own


@pytest.mark.parametrize("name", commands.names())
def test_commands_in_help_can_be_given(name):
    for other, *words in commands_in(commands.module_of(name).__doc__):
        commands.parser(other).parse_args(words)


def test_an_unknown_command_is_refused_with_the_nearest_name():
    with pytest.raises(SystemExit, match="no command 'colums'; did you mean 'columns'"):
        commands.main(["colums"])
