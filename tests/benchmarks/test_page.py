"""The template of pages: what it writes, what it keeps, and the pages that are there."""

import json

import pandas as pd
import pytest
from matplotlib.figure import Figure

from benchmarks import commands, jobs, options
from benchmarks.page import FILES, Drawing, Page, Table

PAGES = {
    name: commands.module_of(name).PAGE
    for name in (*commands.COMMANDS["Pages of results"], "amazon-tiles")
}


def figure(_):
    found = Figure()
    found.subplots().plot([1, 2])
    return found


def page():
    return Page(
        "somewhere", "A study", {"study --out RUNS": "", "page --runs RUNS": "here"},
        lambda given: pd.DataFrame({"nse": [0.51234]}, pd.Index(["a"], name="gauge")),
        sections={"Scores": lambda found: found, "Nothing": lambda _: "", "Words": lambda _: "few"},
        tables={"scores": Table("of every gauge", lambda found: found, digits=2),
                "absent": Table("of none", lambda _: None)},
        figures={"curve": Drawing("a line", figure), "none": Drawing("no line", lambda _: None)},
    )  # fmt: skip


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A page of a study with two jobs, and the arguments that made it."""
    monkeypatch.setattr(commands, "module_of", lambda _: page())
    for name in ("a", "b"):
        jobs.finish(tmp_path / "runs" / name, seconds=1)
    arguments = ["page", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(Page, "__doc__", "A page.")
    commands.main(arguments)
    return tmp_path / "out", arguments


def test_a_page_has_its_sections_tables_figures_and_machines(written):
    folder, _ = written
    tables = (folder / "tables.md").read_text()
    scores = "| gauge | nse |\n| --- | ---: |\n| a | 0.512 |"
    assert tables.startswith(f"## Scores\n\n{scores}\n\n## Words\n\nfew\n\n")
    assert "Nothing" not in tables
    machine = json.loads((folder.parent / "runs/a/job.json").read_text())["machine"]
    line = tables.partition("## Machines and versions\n\n")[2]
    assert line.startswith("2 jobs, ") and machine["cpu"] in line and machine["torch"] in line
    assert (folder / "scores.csv").read_text() == "gauge,nse\na,0.51\n"
    assert sorted(f.name for f in folder.glob("*.*")) == [
        "README.md", "curve.png", "scores.csv", "tables.md",
    ]  # fmt: skip


def test_a_page_keeps_the_text_that_is_written_by_hand(written):
    folder, arguments = written
    readme = folder / "README.md"
    head = (
        "# A study\n\n    python -m benchmarks study --out RUNS\n"
        "    python -m benchmarks page --runs RUNS  # here\n\n"
    )
    files = (
        f"{FILES}\n\n| file | content |\n|---|---|\n| `tables.md` | Scores, Nothing, Words |\n"
        "| `scores.csv` | of every gauge |\n| `curve.png` | a line |\n"
    )
    assert readme.read_text() == head + files
    told = "A paragraph.\n\n    not a command\n\n## What it says\n\n- much\n\n"
    readme.write_text(f"# Old title\n\n    old command\n\n{told}{FILES}\n\nold list\n")
    commands.main(arguments)
    assert readme.read_text() == head + told + files


@pytest.mark.parametrize("name", PAGES)
def test_committed_pages_are_as_the_template_writes_them(name):
    found = PAGES[name]
    folder = options.RESULTS / found.name
    assert found.readme(folder) == (folder / "README.md").read_text()
    made = {f"{n}.csv" for n in found.tables} | {f"{n}.png" for n in found.figures}
    there = {f.name for f in folder.iterdir() if f.is_file()} - {
        "README.md",
        "tables.md",
        "hydrodl2.json",
    }
    assert there == made


def test_jobs_are_done_once(tmp_path, capsys):
    assert jobs.due(tmp_path / "job") and jobs.finished(tmp_path) == []
    jobs.finish(tmp_path / "job", loss=[0.5])
    assert not jobs.due(tmp_path / "job")
    assert jobs.finished(tmp_path) == [tmp_path / "job"]
    assert jobs.about(tmp_path / "job")["loss"] == [0.5]
    assert capsys.readouterr().out.count("done before") == 1
