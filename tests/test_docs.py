"""The pages of the documentation that are made from the code have all of it."""

import dataclasses
import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest

import gridhydro
from gridhydro.cli.program import parser
from gridhydro.config import load, sections

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def hooks():
    specification = importlib.util.spec_from_file_location("site_hooks", DOCS / "hooks.py")
    module = importlib.util.module_from_spec(specification)
    before = list(sys.path)
    specification.loader.exec_module(module)
    sys.path[:] = before
    return module


def test_domain_files_have_every_section_and_key_with_its_meaning(hooks):
    page = hooks.domain_files()
    for name in {*load.SECTIONS, *load.BASIN_SECTIONS} - {"attributes", "forcing"}:
        assert f"## `[{name}]`" in page or f"## `[[{name}]]`" in page, name
    for kind in vars(sections).values():
        if dataclasses.is_dataclass(kind) and kind.__module__ == sections.__name__:
            for field in dataclasses.fields(kind):
                assert f"| `{field.name}` |" in page, f"{kind.__name__}.{field.name}"
    # what its name does not say is said; the partners of such keys stand with them
    plain = {"name", "y", "lat", "units", "long_name", "folder", "offset", "epochs", "optimizer",
             "checkpoints", "loops", "change", "least_range"}  # fmt: skip
    silent = [row.split("`")[1] for row in page.splitlines() if row.endswith("|  |")]
    assert set(silent) <= plain, set(silent) - plain
    rows = {row for row in page.splitlines() if row.startswith("| `")}
    assert any(row.startswith('| `crop_to` | text | `"gauges"` | what drains to') for row in rows)
    assert all(row.count(" | ") - row.count("\\|") >= 3 for row in rows)


def test_commands_have_every_command_and_option(hooks):
    page = hooks.commands()
    for name in hooks._choices(parser()):
        assert f"## gridhydro {name}\n" in page
    assert "--storage-weights" in page and "### gridhydro synthetic catchment\n" in page


def test_python_has_every_public_name(hooks):
    page = hooks.python_names()
    for name in set(gridhydro._HOMES):
        assert f'heading: "{name}"' in page, name
    assert 'heading: "basins.from_polygons"' in page and "::: gridhydro.io" not in page


def test_readers_have_every_reader():
    page = (DOCS / "pages" / "readers.md").read_text()
    for name in gridhydro.io.__all__:
        assert f"::: gridhydro.io.{name}\n" in page, name


def test_docstrings_in_columns_become_lists(hooks):
    text = "What it gives.\n\na, b  the first\n      and more\nlonger  another\nThe end."
    said = hooks.as_markdown(text)
    assert (
        said
        == "What it gives.\n\n- `a`, `b`: the first\n  and more\n- `longer`: another\n\nThe end."
    )
    assert hooks.entries(text) == {
        "a": "the first and more", "b": "the first and more", "longer": "another",
    }  # fmt: skip


def test_every_page_is_in_the_navigation():
    settings = (DOCS / "mkdocs.yml").read_text()
    for place in [*DOCS.glob("pages/*.md"), *DOCS.glob("notebooks/*.ipynb")]:
        assert f"{place.stem}.md\n" in settings, place.name


def test_the_template_of_a_domain_file_is_one():
    path = Path(__file__).parent / "support" / "template_domain.toml"
    assert load.training_options(path).held_out == ("G03",)
    content = tomllib.loads(path.read_text())
    assert load.read_model(path, content["model"], lumped=False).network.hidden == (32,)
