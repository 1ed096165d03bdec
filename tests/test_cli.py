"""The command line, as a newcomer types it."""

import argparse
import html
import json
import re
import shlex
import subprocess
import sys
import warnings

import pandas as pd
import pytest

import gridhydro
from gridhydro.cli import main
from gridhydro.cli.program import parser
from gridhydro.config.find import find

# what no answer of the command line itself may wait for
LARGE = ("torch", "numba", "numpy", "pandas", "xarray", "matplotlib")


def pages(one: argparse.ArgumentParser, words: str = "gridhydro"):
    """(command, parser) of the whole and of every command below it."""
    yield words, one
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from pages(below, f"{words} {name}")


PAGES = dict(pages(parser()))


def examples(page: argparse.ArgumentParser) -> list[str]:
    """The command lines of a page's examples, without remarks behind them or torchrun before."""
    lines = page.epilog.partition("examples:\n")[2].splitlines()
    found = [re.split(r"\s{2,}", line.strip())[0] for line in lines if " gridhydro " in f" {line}"]
    return [line[line.index("gridhydro ") :] for line in found]


def call(*arguments, capsys):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_info_names_versions_devices_and_backends(capsys):
    code, out, _ = call("info", capsys=capsys)
    assert code == 0
    assert f"gridhydro {gridhydro.__version__}" in out and "numba backend" in out and "hbv" in out


def test_columns_lists_all_and_tells_all_of_one(capsys):
    code, out, _ = call("columns", capsys=capsys)
    lines = out.splitlines()
    assert code == 0 and [line.split()[0] for line in lines] == list(gridhydro.COLUMNS)
    for line, column in zip(lines, gridhydro.COLUMNS.values(), strict=True):
        assert f" {len(column.states)} stores" in line and "doi:10." in line
    code, out, _ = call("columns", "gr6j", capsys=capsys)
    column = gridhydro.COLUMNS["gr6j"]
    for field in (*column.forcings, *column.parameters, *column.states, *column.fluxes):
        assert re.search(rf"^  {field.name} +\S.*{re.escape(field.long_name)}$", out, re.MULTILINE)
    assert re.search(r"^  x3 +mm +5 to 500 log +capacity of the routing", out, re.MULTILINE)
    assert "groundwater_export out" in out and "doi:10.1016/j.jhydrol.2011.09.034" in out
    assert "network" not in out and "runoff_share of 5 inputs" in told("hbv_nn", capsys)
    assert "soil_capacity" in told("hydropy:with_leakage", capsys)
    code, _, err = call("columns", "vic", capsys=capsys)
    assert code == 1 and "no column 'vic'; there is" in err


def told(column, capsys):
    return call("columns", column, capsys=capsys)[1]


@pytest.mark.parametrize("target", ["triton", "numba"])
@pytest.mark.parametrize("direction", ["forward", "adjoint"])
def test_kernels_show_prints_code_named_after_the_column(target, direction, capsys):
    code, out, _ = call(
        "kernels", "show", "hbv", "--target", target, "--pass", direction, capsys=capsys
    )
    assert code == 0
    compile(out, "printed", "exec")
    assert "soil_moisture" in out and "percolation" in out
    assert ("tl.load" in out) == (target == "triton")
    assert ("d_soil_moisture" in out) == (direction == "adjoint")


def test_kernels_show_names_what_there_is(capsys):
    reach = ("kernels", "show", "linear_cascade", "--target", "numba")
    code, out, _ = call(*reach, capsys=capsys)
    assert code == 0 and "reservoir_5" in out
    code, _, err = call(*reach, "--components", "2", capsys=capsys)
    assert code == 1 and "'linear_cascade' is a river reach, which has no --components" in err
    code, _, err = call("kernels", "show", "vic", capsys=capsys)
    assert code == 1 and "no column 'vic'; there is" in err and "gr4j" in err
    code, _, err = call("kernels", "show", "hbv", "--outputs", "snow", capsys=capsys)
    assert code == 1 and "has no output 'snow'; it has" in err


def test_errors_are_one_line_without_a_traceback(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("GRIDHYDRO_DATA", raising=False)
    code, _, err = call("check", "moselle", capsys=capsys)
    assert code == 1 and err.count("\n") == 1 and "--data FOLDER" in err
    code, _, err = call("check", "atlantis", "--data", tmp_path, capsys=capsys)
    assert code == 1 and "no domain file atlantis" in err and "moselle" in err
    code, _, err = call("evaluate", tmp_path, capsys=capsys)
    assert code == 1 and "holds no run" in err


def test_help_lists_every_command_with_a_line_each():
    run = subprocess.run(
        [sys.executable, "-m", "gridhydro", "--help"], capture_output=True, text=True
    )
    assert run.returncode == 0
    listed = re.findall(r"^  ([a-z][a-z-]+)  +(\S.*)$", run.stdout, re.MULTILINE)
    commands = {words.split()[1] for words in PAGES if words.count(" ") == 1}
    assert {name for name, _ in listed} == commands
    assert commands == {
        "demo", "basins", "check", "train", "cross-validate", "compare", "calibrate", "reproduce",
        "evaluate", "run", "forecast", "assimilate", "predict", "export", "report", "analyse",
        "sensitivity", "synthetic", "columns", "kernels", "info",
    }  # fmt: skip


@pytest.mark.parametrize("words", PAGES)
def test_a_manual_page_says_what_it_does_and_shows_how(words, capsys):
    with pytest.raises(SystemExit) as left:
        main([*words.split()[1:], "--help"])
    assert left.value.code == 0
    shown, page = capsys.readouterr().out, PAGES[words]
    assert shown.startswith(f"usage: {words}")
    assert page.description in shown and page.epilog in shown
    assert len(page.description.splitlines()) > 2
    if words.count(" ") and words not in ("gridhydro info", "gridhydro synthetic"):
        assert re.search(r"^Needs\s", page.description, re.MULTILINE)
        assert re.search(r"^Writes\s", page.description, re.MULTILINE)
    assert examples(page)
    assert max(map(len, [*page.description.splitlines(), *page.epilog.splitlines()])) <= 80
    for action in page._actions:
        assert action.help, f"{action.dest} is not explained"


@pytest.mark.parametrize("words", PAGES)
def test_every_example_is_a_command_line(words):
    for line in examples(PAGES[words]):
        arguments = shlex.split(line)[1:]
        if arguments[-1] == "--help":
            with pytest.raises(SystemExit) as left:
                parser().parse_args(arguments)
            assert left.value.code == 0
            continue
        options = parser().parse_args(arguments)
        assert callable(options.run)
        domain = vars(options).get("domain") or "a.toml"
        assert domain.endswith(".toml") or find(domain).is_file(), line


def test_an_example_of_its_own_is_on_every_page():
    for words, page in PAGES.items():
        assert any(line.startswith(words) for line in examples(page)), words


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("--help", 0, "usage: gridhydro"),
        ("--version", 0, f"gridhydro {gridhydro.__version__}\n"),
        ("train --help", 0, "usage: gridhydro train"),
        ("", 2, "required: COMMAND"),
        ("train moselle --epoch 3", 2, "unrecognized arguments: --epoch 3"),
        ("tran moselle", 2, "invalid choice: 'tran'"),
        ("train atlantis", 1, "no domain file atlantis; those that come with gridhydro are amaz"),
        ("calibrate atlantis", 1, "no domain file atlantis"),
        ("check moselle", 1, "where is the data? give --data FOLDER"),
        ("train moselle --data nowhere", 1, "nowhere is not there"),
        ("train moselle --seed 1 --seeds 2", 1, "--seeds trains runs from seed 0 on: no --seed"),
        ("train moselle --seeds 0", 1, "--seeds is how many runs to train, 1 or more, not 0"),
        ("reproduce", 0, "feng_2022: "),
        ("reproduce atlantis", 1, "there is no recipe atlantis; there is feng_2022"),
        ("evaluate nowhere", 1, "nowhere, so no run in it"),
        ("export nowhere", 1, "there is no folder"),
        ("synthetic amazon --out new", 1, "where is the data?"),
    ],
)
def test_help_and_wrong_command_lines_are_answered_without_large_libraries(
    line, code, told, tmp_path
):
    script = (
        "import sys\nfrom gridhydro.cli import main\n"
        "try:\n    code = main(sys.argv[1:])\nexcept SystemExit as left:\n    code = left.code\n"
        f"print([name for name in {LARGE} if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *line.split()], cwd=tmp_path, env={"PATH": ""},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert told in done.stdout + done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("command", "goes_on"), [("train", True), ("check", False)])
def test_an_interrupt_is_told_without_a_traceback(command, goes_on, capsys, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    for module in ("fitting", "inspection"):
        monkeypatch.setattr(f"gridhydro.cli.{module}.find", interrupted)
    code, _, err = call(command, "moselle", capsys=capsys)
    assert code == 130 and err.startswith("interrupted")
    assert ("--resume goes on" in err) == goes_on


def test_debug_shows_where_an_error_comes_from():
    with pytest.raises(FileNotFoundError, match="no domain file atlantis"):
        main(["--debug", "train", "atlantis"])


def test_the_catchment_is_written_and_checked(tmp_path, capsys):
    out = tmp_path / "catchment"
    code, text, err = call("synthetic", "catchment", "--out", out, capsys=capsys)
    assert code == 0, err
    assert f"gridhydro train {out / 'domain.toml'} --data {out}" in text
    code, text, err = call("check", out / "domain.toml", "--data", out, capsys=capsys)
    assert code == 0 and "1011 cells" in text, err
    code, _, err = call("synthetic", "catchment", "--out", out, capsys=capsys)
    assert code == 1 and "is not empty: choose another folder" in err
    new = tmp_path / "new"
    code, _, err = call("synthetic", "catchment", "--out", new, "--seed", -1, capsys=capsys)
    assert code == 1 and "seed is -1, should be a whole number, 0 or more" in err


@pytest.mark.end_to_end
def test_from_a_domain_file_to_a_run_and_back(data, tmp_path, capsys):
    folder = data("lez/lez_2012_2013.nc").parents[1]
    out = tmp_path / "run"
    code, text, _ = call("check", "lez", "--data", folder, capsys=capsys)
    assert code == 0 and "Y3204040" in text
    arguments = ("train", "lez", "--data", folder, "--out", out)
    code, text, err = call(*arguments, "--epochs", 3, capsys=capsys)
    assert code == 0, err
    scores = pd.read_csv(out / "metrics.csv").set_index("gauge")
    assert scores.loc["Y3204030", "gauge_use"] == "held out"
    for name in ("parameters.nc", "fluxes.nc", "domain.nc", "domain.toml", "run.json", "water.csv"):
        assert (out / name).exists(), name
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Y3204030" in page and "gridhydro train run/domain.toml --data" in page
    for warning in json.loads((out / "warnings.json").read_text())["warnings"]:
        assert html.escape(warning) in page
    assert len(list((out / "parameters").glob("*.tif"))) == 15
    assert {p.stem for p in (out / "figures").glob("*.png")} >= {"parameters", "hydrographs"}

    code, _, err = call(*arguments, capsys=capsys)
    assert code == 1 and "holds a training already" in err

    code, text, _ = call("evaluate", out, capsys=capsys)
    again = scores.loc["Y3204040", "kge"]
    assert code == 0 and f"{again:.3f}" in text
    series = tmp_path / "series.zarr"
    code, _, err = call("run", out, "--out", series, "--outputs", "soil_moisture", capsys=capsys)
    assert code == 0 and series.is_dir() and "simulating" in err
    code, _, err = call("run", out, "--out", series, capsys=capsys)
    assert code == 1 and "is there already" in err
    arguments = ("run", out, "--out", tmp_path / "series", "--period", "2012-08", "2012-10")
    code, _, err = call(*arguments, "--block", 31, capsys=capsys)
    assert code == 0 and len(list((tmp_path / "series").glob("fluxes_2012-*.nc"))) == 3, err
    (out / "metrics.csv").unlink()
    code, _, err = call("export", out, capsys=capsys)
    assert code == 0 and (out / "metrics.csv").exists(), err


def test_warnings_about_the_input_have_no_place_in_the_code(monkeypatch):
    given, said = warnings.formatwarning, []

    def told(options):
        for kind in (UserWarning, FutureWarning):
            said.append(warnings.formatwarning("stores fill", kind, "run.py", 326, line=""))

    monkeypatch.setattr("gridhydro.cli.inspection._info", told)
    assert main(["info"]) == 0
    assert said[0] == "warning: stores fill\n" and "run.py:326" in said[1]
    assert warnings.formatwarning is given
