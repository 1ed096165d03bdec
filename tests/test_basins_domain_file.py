"""Domain files of lumped basins: what is refused, and what the held-out have no say in."""

import numpy as np
import pytest
from small_basins import FILE, small_basins

from gridhydro.config import load
from gridhydro.io import write_basins
from gridhydro.recipe import build_model


def test_a_gap_is_filled_without_what_the_file_holds_out(tmp_path):
    data = small_basins().copy(deep=True)
    data["slope"][5] = np.nan
    data["slope"][3] = 1e4
    write_basins(data, tmp_path / "basins.nc")
    text = FILE.replace("epochs = 2", f'held_out = ["{data["gauge"].values[3]}"]')
    (tmp_path / "sample.toml").write_text(text)
    with pytest.warns(UserWarning, match="'slope' is missing"):
        model = build_model(load(tmp_path / "sample.toml", tmp_path), seed=0)
    filled = model.attributes[5, list(model.network.names).index("slope")].item()
    assert filled == pytest.approx(np.nanmean(np.delete(data["slope"].values, 3)), rel=1e-6)


LSTM = ("hidden = [8]", 'column = "lstm"')
BY_LSTM = "'components' is not used by column = \"lstm\""
TWO_SIZES = ('[8]\ncomponents = 2\nunit_hydrograph = "mean"', '[8, 4]\ncolumn = "lstm"')


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (*LSTM, rf"\[model\]: {BY_LSTM}: leave it out"),
        (*TWO_SIZES, r"\[model\]: hidden is one size"),
        ("[training]", "[model.river]\nspeed = 1\n[training]", r"\[model\]: 'river' is not used"),
        ("hidden = [8]", "dynamic_dropout = 0.5", "'dynamic_dropout' is not used by network"),
        ('pet = "given"', 'forcing = "daymet"', r"\[basins\]: 'forcing' is not used by format"),
        ('"netcdf"', '"caravan"\ntable = "a.csv"', r"\[basins\]: 'table' is not used by format"),
    ],
)
def test_keys_that_the_choice_passes_over_are_refused(old, new, message, tmp_path):
    write_basins(small_basins(), tmp_path / "basins.nc")
    assert old in FILE
    (tmp_path / "sample.toml").write_text(FILE.replace(old, new))
    with pytest.raises(ValueError, match=r"sample\.toml, .*" + message):
        load(tmp_path / "sample.toml", tmp_path)
