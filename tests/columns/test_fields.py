"""Fields of a column: what a line declares, and lines that are refused."""

import pytest

from gridhydro.columns.column import Field, fields


def test_field_line_declares_bounds_initial_value_and_scale():
    (field,) = fields("storage mm [1, 300] log = 20: water in the ground")
    assert field == Field("storage", "mm", "water in the ground", (1.0, 300.0), 20.0, log=True)
    assert field.range == (1.0, 300.0)


def test_field_without_bounds_has_no_range():
    (field,) = fields("storage mm: water in the ground")
    with pytest.raises(ValueError, match="the parameter 'storage' has no bounds"):
        _ = field.range


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["storage"], "cannot read the field 'storage'"),
        (["k 1/d [2, 2]: rate"], "the bounds of 'k' are empty"),
        (["k d: lag", "k d: another lag"], "the field 'k' is declared twice"),
    ],
)
def test_field_line_is_refused(lines, sentence):
    with pytest.raises(ValueError, match=sentence):
        fields(*lines)
