"""Splits: partitions without leakage, the same for the same seed, whole after a file."""

import hashlib
import json
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhydro.training import splits
from gridhydro.training.splits import Split, hold_out, pub, pur, spatiotemporal, temporal

EARLY, LATE = ("1981-01-01", "1995-12-31"), ("1996-01-01", "2010-12-31")
GAUGES = st.lists(
    st.text("0123456789", min_size=1, max_size=8), min_size=2, max_size=40, unique=True
)


def check_partition(gauges, parts):
    """Every gauge is tested once, and trained on in every other part."""
    tested = [gauge for part in parts for gauge in part.test_gauges]
    assert sorted(tested) == sorted(gauges)
    for part in parts:
        assert not set(part.train_gauges) & set(part.test_gauges)
        assert set(part.train_gauges) | set(part.test_gauges) == set(gauges)


@settings(max_examples=60, deadline=None)
@given(GAUGES, st.data())
def test_pub_folds_are_partitions_whatever_the_order(gauges, draw):
    folds = draw.draw(st.integers(2, len(gauges)))
    seed = draw.draw(st.integers(0, 5))
    parts = pub(gauges, EARLY, folds, seed)
    assert len(parts) == folds
    check_partition(gauges, parts)
    sizes = [len(part.test_gauges) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert pub(draw.draw(st.permutations(gauges)), EARLY, folds, seed) == parts
    assert parts[0].train_period == parts[0].test_period == EARLY
    elsewhere = spatiotemporal(gauges, EARLY, LATE, folds, seed)
    check_partition(gauges, elsewhere)
    assert [p.test_gauges for p in elsewhere] == [p.test_gauges for p in parts]
    assert {(p.train_period, p.test_period) for p in elsewhere} == {(EARLY, LATE)}


def test_hold_out_takes_gauges_by_name():
    split = hold_out(np.array(["b", "a", "c"]), ["c"], ("1981", "1995"))
    assert split == Split("held_out", ("a", "b"), ("c",), EARLY, EARLY)
    assert hold_out(["a", "b"], ["a"], EARLY, ("1996", "2010-12")).test_period == LATE
    for gauges, held_out, message in (
        (["a", "b"], "ab", r"held_out is a list of names, such as \['ab'\]"),
        ("ab", ["a"], "gauges is a list of names"),
        (["a", "b"], ["d"], "no gauge is called d; there is a, b"),
        (["a", "b"], ["b", "a"], "no gauge is left to train on"),
        (["a", "b"], [], "held_out has no gauges"),
    ):
        with pytest.raises(ValueError, match=message):
            hold_out(gauges, held_out, EARLY)


def test_split_without_gauges_trains_on_the_others():
    split = pub(["a", "b", "c", "d"], EARLY, 2)[0]
    left = split.without([split.train_gauges[0]])
    assert left.train_gauges == split.train_gauges[1:] and left.test_gauges == split.test_gauges
    with pytest.raises(ValueError, match="no gauge is left to train on"):
        split.without(split.train_gauges)


@settings(max_examples=40, deadline=None)
@given(GAUGES, st.data())
def test_pur_holds_out_whole_regions_whatever_the_order(gauges, draw):
    labels = draw.draw(st.lists(st.sampled_from("abc"), min_size=len(gauges), max_size=len(gauges)))
    region = dict(zip(gauges, labels, strict=True))
    if len(set(labels)) < 2:
        with pytest.raises(ValueError, match="none would be left to train on"):
            pur(gauges, EARLY, region)
        return
    parts = pur(gauges, EARLY, region)
    check_partition(gauges, parts)
    assert [part.name for part in parts] == [f"pur_{label}" for label in sorted(set(labels))]
    for part in parts:
        assert {region[gauge] for gauge in part.test_gauges} == {part.name.removeprefix("pur_")}
        assert not {region[gauge] for gauge in part.train_gauges} & {part.name[4:]}
    assert pur(gauges, EARLY, labels) == parts  # in the order of the gauges
    assert pur(draw.draw(st.permutations(gauges)), EARLY, region) == parts


def test_pur_bands_of_longitude_over_real_gauges(data):
    basins = xr.open_dataset(data("camels_us_400/timeseries.nc"))
    lon = basins["lon"].to_series()
    parts = pur(lon.index, EARLY, longitude=lon.to_numpy(), groups=5, test_period=LATE)
    check_partition(lon.index, parts)
    assert [part.name for part in parts] == [f"pur_band_{i}" for i in range(1, 6)]
    assert [len(part.test_gauges) for part in parts] == [80] * 5
    edges = [(lon[list(p.test_gauges)].min(), lon[list(p.test_gauges)].max()) for p in parts]
    for (_, east), (west, _) in pairwise(edges):
        assert east <= west
    assert pur(lon.index[::-1], EARLY, longitude=lon, groups=5, test_period=LATE) == parts
    west = pur(lon.index, EARLY, longitude=lon, groups=5, held_out="band_1", test_period=LATE)
    assert west == parts[:1]


def test_split_seed_decides_and_folds_stay_what_they_are():
    gauges = [f"{i:02d}" for i in range(12)]
    assert pub(gauges, EARLY, 3, seed=1) != pub(gauges, EARLY, 3, seed=2)
    # the rule by itself, so that the folds of published results never change
    ranked = sorted(gauges, key=lambda gauge: hashlib.sha256(f"4/{gauge}".encode()).hexdigest())
    expected = [tuple(sorted(ranked[i::3])) for i in range(3)]
    assert [part.test_gauges for part in pub(gauges, EARLY, 3, seed=4)] == expected
    assert [part.name for part in pub(gauges, EARLY, 10)][::9] == ["pub_01", "pub_10"]


def test_temporal_split_keeps_the_gauges():
    split = temporal([2, 10, "1"], (date(1981, 1, 1), pd.Timestamp("1995-12-31")), LATE)
    assert split == Split("temporal", ("1", "10", "2"), ("1", "10", "2"), EARLY, LATE)


def test_splits_survive_a_file(tmp_path):
    path = tmp_path / "splits.json"
    parts = pub(list("abcdef"), EARLY, 3)
    splits.save(parts, path)
    assert splits.load(path) == parts
    content = json.loads(path.read_text())["splits"][0]
    assert content == parts[0].to_json() and Split.from_json(content) == parts[0]
    splits.save(parts[0], path)
    assert splits.load(path) == parts[:1]
    content["test_gauges"] = content["train_gauges"]  # edited by hand into a leak
    path.write_text(json.dumps({"splits": [content]}))
    with pytest.raises(ValueError, match=r"splits\.json is not splits .*what it trains on"):
        splits.load(path)
    del content["test_period"]
    with pytest.raises(ValueError, match="check test_period"):
        Split.from_json(content)
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"splits\.json is not splits"):
        splits.load(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pub(["a", "b"], EARLY, 3), r"3 folds of 2 gauges: choose from 2 to"),
        (lambda: pub(["a", "b"], EARLY, 1), r"1 folds of 2 gauges"),
        (lambda: pub(["a", "b", "a"], EARLY, 2), r"the gauge a twice"),
        (lambda: pub([], EARLY, 2), r"no gauges"),
        (lambda: pub("01022500", EARLY, 2), r"give a list of ids"),
        (lambda: temporal(["a"], EARLY, ("1995-12-31", "1996-12-31")), r"1 gauges, such as a, are"),
        (lambda: temporal(["a"], EARLY, ("1996", "1997")), r"write '1996' as YYYY-MM-DD"),
        (lambda: temporal(["a"], EARLY, ("01/02/1996", LATE[1])), r"'01/02/1996' is not written"),
        (lambda: temporal(["a"], EARLY, (1996, 1997)), r"write '1996' as YYYY-MM-DD"),
        (lambda: temporal(["a"], EARLY, ("1996-13-01", LATE[1])), r"a test period is"),
        (lambda: temporal(["a"], EARLY, ("1996-01-01",)), r"a test period is two dates"),
        (lambda: temporal(["a"], EARLY, (np.datetime64("NaT", "D"), LATE[1])), r"test period is"),
        (lambda: temporal(["a"], EARLY, LATE[::-1]), r"ends on 1996-01-01, before it begins"),
        (lambda: spatiotemporal(["a", "b"], EARLY, EARLY, 2), r"overlap: .* `pub` in the same"),
        (lambda: pur(["a", "b"], EARLY), r"either the regions or the longitudes"),
        (lambda: pur(["a", "b"], EARLY, ["x"]), r"1 values for 2 gauges"),
        (lambda: pur(["a", "b"], EARLY, {"a": "x"}), r"1 gauges are not among .* such as b"),
        (lambda: pur(["a", "b"], EARLY, ["x", None]), r"1 gauges have no region, such as b"),
        (lambda: pur(["a", "b"], EARLY, ["x", "y"], held_out=["z"]), r"'z'; regions are x, y"),
        (lambda: pur(["a", "b"], EARLY, longitude=[1, 2]), r"groups=None of 2 gauges"),
        (lambda: pur(["a", "b"], EARLY, longitude=[1, np.nan], groups=2), r"longitude of b is nan"),
    ],
)
def test_splits_that_cannot_be_made_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
