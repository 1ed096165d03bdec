"""The command line, as a newcomer types it."""

import subprocess
import sys

import pandas as pd
import pytest

from gridhydro.cli import main


def call(*arguments, capsys):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_info_names_versions_devices_and_backends(capsys):
    code, out, _ = call("info", capsys=capsys)
    assert code == 0
    assert "gridhydro 0.1.0" in out and "numba backend" in out and "hbv" in out


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
    code, _, err = call("kernels", "show", "vic", capsys=capsys)
    assert code == 1 and "no column 'vic'; there is hbv" in err
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


def test_the_command_is_installed():
    run = subprocess.run(
        [sys.executable, "-m", "gridhydro.cli", "--help"], capture_output=True, text=True
    )
    assert run.returncode == 0
    for command in ("demo", "train", "run", "check", "evaluate", "export", "info", "kernels"):
        assert command in run.stdout


def test_from_a_domain_file_to_a_run_and_back(data, tmp_path, capsys):
    folder = data("lez/lez_2012_2013.nc").parents[1]
    out = tmp_path / "run"
    code, text, _ = call("check", "lez", "--data", folder, capsys=capsys)
    assert code == 0 and "Y3204040" in text
    arguments = ("train", "lez", "--data", folder, "--out", out)
    code, text, err = call(*arguments, "--epochs", 3, capsys=capsys)
    assert code == 0, err
    scores = pd.read_csv(out / "metrics.csv").set_index("site")
    assert scores.loc["Y3204030", "gauge_use"] == "held out"
    for name in ("parameters.nc", "fluxes.nc", "domain.nc", "domain.toml", "run.json"):
        assert (out / name).exists(), name
    assert len(list((out / "parameters").glob("*.tif"))) == 15
    assert {p.stem for p in (out / "figures").glob("*.png")} >= {"parameters", "hydrographs"}

    code, _, err = call(*arguments, capsys=capsys)
    assert code == 1 and "holds a training already" in err

    code, text, _ = call("evaluate", out, capsys=capsys)
    again = scores.loc["Y3204040", "kge"]
    assert code == 0 and f"{again:.3f}" in text
    series = tmp_path / "series.zarr"
    code, _, err = call("run", out, "--out", series, "--outputs", "soil_moisture", capsys=capsys)
    assert code == 0 and series.is_dir(), err
    (out / "metrics.csv").unlink()
    code, _, err = call("export", out, capsys=capsys)
    assert code == 0 and (out / "metrics.csv").exists(), err
