"""All folds with one command: every gauge scored once, by what was not trained on it."""

import json
from collections import Counter

import pandas as pd
import pytest

from gridhydro.cli import main
from gridhydro.config import train_domain
from gridhydro.config.build_model import make_folds, make_split
from gridhydro.config.cross_validate import cross_validate
from gridhydro.config.load import load
from gridhydro.config.pool_folds import pool, pooled
from gridhydro.domain.domain import Domain
from gridhydro.io import write_basins
from gridhydro.training.splits import pub
from tests.support.small_basins import FILE, NAMES, small_basins

SPLIT = 'split = { kind = "pub", folds = 2 }\n'
QUICK = dict(epochs=1, progress=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("basins")
    write_basins(small_basins(), folder / "basins.nc")
    (folder / "folds.toml").write_text(FILE + SPLIT)
    (folder / "none.toml").write_text(FILE)
    return folder


@pytest.fixture
def trained(monkeypatch):
    """Folders in which a training was begun."""
    found = []
    train = train_domain.train

    def counting(*arguments, **options):
        found.append("/".join(options["checkpoints"].folder.parts[-2:]))
        return train(*arguments, **options)

    monkeypatch.setattr(train_domain, "train", counting)
    return found


def test_folds_are_those_that_a_split_numbers(folder):
    (folder / "held.toml").write_text(FILE + SPLIT + 'held_out = ["b03"]\n')
    folds = make_folds(load(folder / "held.toml", folder))
    for number, split in enumerate(folds):
        assert split == make_split(load(folder / "held.toml", folder, {"fold": number}))
        assert "b03" not in split.train_gauges
    tested = Counter(gauge for split in folds for gauge in split.test_gauges)
    assert tested == dict.fromkeys(NAMES, 1)


def test_regions_of_a_table_are_held_out(folder):
    lines = [f"{name},{'north' if k < 3 else 'south' if k < 7 else 'east'}" for k, name in
             enumerate(NAMES)]  # fmt: skip
    (folder / "regions.csv").write_text("\n".join(["gauge,region", *lines]))
    split = {"kind": "pur", "regions": "regions.csv", "column": "region"}

    def folds(**more):
        return make_folds(
            load(folder / "none.toml", folder, {"sections": {"training": {"split": split | more}}})
        )

    assert [one.name for one in folds()] == ["pur_east", "pur_north", "pur_south"]
    (north,) = folds(held_out=["north"])
    assert north.test_gauges == tuple(NAMES[:3]) and set(north.train_gauges) == set(NAMES[3:])
    assert folds(held_out="north") == [north]
    for more, text in (
        ({"held_out": ["west"]}, "no gauge lies in 'west'; regions are east, north, south"),
        ({"held_out": 3}, "held_out is a list of regions, not 3"),
        ({"column": "land"}, r"regions: column is one of 'region', not 'land'"),
        ({"regions": "none.csv"}, r"split: regions: there is no file .*none.csv"),
        ({"groups": 3}, "give both, without groups"),
    ):
        with pytest.raises(ValueError if "file" not in text else FileNotFoundError, match=text):
            folds(**more)


def test_a_file_without_a_split_is_told_how_to_write_one(folder, tmp_path):
    with pytest.raises(
        ValueError, match=r"none.toml, .training. has no split .* add split = \{ ki"
    ):
        cross_validate(folder / "none.toml", None, tmp_path / "out")  # no data is asked for
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match=r"none.toml, .training. has no split"):
        make_folds(load(folder / "none.toml", folder))


def scores(low: float) -> pd.DataFrame:
    """A table of scores over two periods, in which gauge n of a run has nse = low + n / 100."""
    rows = [
        (gauge, period, low + n / 100) for period in ("training", "validation")
        for n, gauge in enumerate(("7", "8", "9"))
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["gauge", "period", "nse"])
    more = dict.fromkeys(("kge", "fhv", "flv", "rmse_low", "rmse_high"), 0.5)
    return table.assign(gauge_use="held out", unit="mm d-1", **more)


def test_pooled_scores_are_those_where_a_gauge_is_held_out(tmp_path, capsys):
    folds = pub(["7", "8", "9", "10"], ("2001-01-01", "2001-12-31"), folds=2)
    folders = [tmp_path / f"fold-{k}" for k in range(2)]
    for number, place in enumerate(folders):
        for seed in range(2):
            (place / f"seed-{seed}").mkdir(parents=True)
            scores(number + seed / 10).to_csv(place / f"seed-{seed}" / "metrics.csv", index=False)
        scores(number + 0.5).to_csv(place / "metrics.csv", index=False)
    found = pooled(folders, folds).set_index(["gauge", "period"])
    assert len(found) == 6  # nothing is observed at gauge 10
    for number, split in enumerate(folds):
        for gauge in set(split.test_gauges) - {"10"}:
            row = found.loc[(gauge, "validation")]
            assert row["fold"] == number
            assert row["nse"] == pytest.approx(number + 0.5 + "789".index(gauge) / 100)
    domain = Domain.of_basins([1.0, 1.0, 1.0], ["7", "8", "9"])
    pool(tmp_path, folders, folds, domain, ("seed-0", "seed-1"))
    short = pd.read_csv(tmp_path / "summary.csv").query("metric == 'nse' and period == 'training'")
    medians = short.set_index("seed")["median"]
    assert list(medians.index) == ["mean", "0", "1"]
    assert medians["mean"] - medians["0"] == pytest.approx(0.5)
    assert medians["1"] - medians["0"] == pytest.approx(0.1)
    assert set(short["count"]) == {3} and "fold" not in set(
        pd.read_csv(tmp_path / "summary.csv").metric
    )
    page = (tmp_path / "summary.md").read_text()
    told = "1 of 4 gauges have no observed discharge: 10"
    assert told in page and told in capsys.readouterr().err
    assert page.count("| training |") == 3 + 2
    note = pd.read_csv(tmp_path / "columns.csv")
    assert not note["meaning"].str.contains("table that was given").any()


@pytest.mark.parametrize("tiles", [["7", "8", "9", "10"], ["3N 60W", "0N 60W"]])
def test_pooled_storage_is_that_of_basins_held_out_or_of_all_tiles(tmp_path, tiles):
    folds = pub(["7", "8", "9", "10"], ("2001-01-01", "2001-12-31"), folds=2)
    folders = [tmp_path / f"fold-{k}" for k in range(2)]
    for number, place in enumerate(folders):
        place.mkdir()
        scores(number).to_csv(place / "metrics.csv", index=False)
        of_tiles = dict(
            tile=tiles, period="training", nse=[number + k / 10 for k in range(len(tiles))]
        )
        more = dict(correlation=0.5, rmse=20.0, solutions=12)
        pd.DataFrame(of_tiles).assign(**more).to_csv(place / "storage_metrics.csv", index=False)
    pool(tmp_path, folders, folds, Domain.of_basins([1.0, 1.0, 1.0], ["7", "8", "9"]))
    found = pd.read_csv(tmp_path / "storage_metrics.csv", dtype={"tile": str})
    page = (tmp_path / "summary.md").read_text()
    assert (found["nse"] // 1 == found["fold"]).all()
    if tiles[0] == "7":
        assert {number: set(rows["tile"]) for number, rows in found.groupby("fold")} == {
            number: set(split.test_gauges) for number, split in enumerate(folds)
        }
        assert "of the basins that are held out" in page
    else:
        assert list(found["fold"]) == [0, 0, 1, 1] and "of all tiles, which no fold holds" in page


@pytest.mark.end_to_end
def test_folds_and_seeds_are_trained_once_and_pooled(folder, trained, capsys):
    """Killed in the third of four runs, the same command trains the two that are left."""
    out = folder / "out"
    words = ["cross-validate", folder / "folds.toml", "--data", folder, "--out", out, "--seeds", 2]
    words = [str(word) for word in [*words, "--epochs", 1]]
    counting = train_domain.train

    def killed(*arguments, **options):
        if len(trained) == 2:
            raise KeyboardInterrupt
        return counting(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_domain, "train", killed)
        assert main(words) == 130
    assert "the same command with --resume goes on" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert trained == [f"fold-{fold}/seed-{seed}" for fold in range(2) for seed in range(2)]
    told = capsys.readouterr()
    assert "fold-0/seed-1: pub_1, 6 gauges trained on, 6 held out, finished already" in told.err
    found = pd.read_csv(out / "metrics.csv")
    assert Counter(found["gauge"]) == dict.fromkeys(NAMES, 2)
    assert set(found["gauge_use"]) == {"held out"} and "crps" in found
    for fold, rows in found.groupby("fold"):
        of_fold = pd.read_csv(out / f"fold-{fold}" / "metrics.csv")
        expected = of_fold[of_fold["gauge_use"] == "held out"].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows.drop(columns="fold").reset_index(drop=True), expected)
    by_seed = pd.read_csv(out / "metrics_by_seed.csv")
    assert Counter(by_seed["seed"]) == {0: 24, 1: 24}
    assert json.loads((out / "splits.json").read_text())["splits"][1]["name"] == "pub_2"
    for name in ("summary.md", "summary.csv", "folds.csv", "figures/scores.png"):
        assert (out / name).exists(), name
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "cross-validation of 2 folds with 2 seeds each" in page
    assert 'href="fold-1/report.html"' in page and "--seeds 2 --out out-again" in page
    with pytest.raises(ValueError, match="fold-0 holds runs of several seeds: give --seeds"):
        cross_validate(folder / "folds.toml", folder, out, **QUICK)
    with pytest.raises(ValueError, match="another epochs"):
        cross_validate(folder / "folds.toml", folder, out, seeds=2, epochs=2, progress=False)
