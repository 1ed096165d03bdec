"""Reports: what is noted of an input, and still shown."""

import warnings

import pytest

from gridhydro.base.report import Report, noting


def test_warnings_about_the_input_are_noted_once_and_shown():
    report = Report()
    with pytest.warns(UserWarning, match="a gauge lies in the sea") as shown, noting(report):
        for _ in range(2):
            warnings.warn("a gauge lies in the sea", stacklevel=1)
        warnings.warn("an old name", DeprecationWarning, stacklevel=1)
    assert report.warnings == ["a gauge lies in the sea"]
    assert {str(one.message) for one in shown} == {"a gauge lies in the sea", "an old name"}
    with pytest.warns(UserWarning, match="later"):
        warnings.warn("later", stacklevel=1)
    assert report.warnings == ["a gauge lies in the sea"]  # nothing behind it
