"""Units by their dimensions, however they are spelt; what has others is refused."""

import pytest

from gridhydro.base.units import conversion, fits

CFS, MEGALITRE = 0.3048**3, 1e3 / 86400


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        ("m^3/s", 1), ("m**3 s**-1", 1), ("m³·s⁻¹", 1), ("M3/S", 1), ("m3s-1", 1), ("m3.s-1", 1),
        ("cubic meters per second", 1), ("m3/sec", 1), ("(m3)/(s)", 1), ("cumec", 1), ("CMS", 1),
        ("ft^3/s", CFS), ("cubic feet per second", CFS), ("CFS", CFS), ("ft3 sec-1", CFS),
        ("liters/second", 1e-3), ("L s^-1", 1e-3), ("l/s", 1e-3), ("kg s-1", 1e-3),
        ("ML d-1", MEGALITRE), ("ML/day", MEGALITRE), ("megalitres per day", MEGALITRE),
        ("GL/d", 1e3 * MEGALITRE), ("hm3/d", 1e3 * MEGALITRE), ("1e6 m3 d-1", 1e3 * MEGALITRE),
        ("10^3 m3/day", MEGALITRE), ("km3/a", 1e9 / 365.25 / 86400),
        ("MCM yr-1", 1e6 / 365.25 / 86400),
        ("Mm3/year", 1e6 / 365.25 / 86400), ("acre-ft/day", 43560 * CFS / 86400),
    ],
)  # fmt: skip
def test_flows_of_any_spelling_become_cubic_metres_a_second(units, factor):
    assert conversion("q", units, "m3 s-1") == pytest.approx((factor, 0), rel=1e-6)


@pytest.mark.parametrize(
    ("units", "target", "factor"),
    [
        ("MM/DAY", "mm d-1", 1), ("kg/(m2 s)", "mm d-1", 86400), ("kgm-2s-1", "mm d-1", 86400),
        ("inches/day", "mm d-1", 25.4), ("L s-1 km-2", "mm d-1", 0.0864),
        ("m of water equivalent", "mm d-1", 1000), ("mm w.e. d-1", "mm d-1", 1),
        ("mm yr-1", "mm d-1", 1 / 365.25), ("ms-1", "m s-1", 1), ("knots", "m s-1", 1852 / 3600),
        ("km/h", "m s-1", 1 / 3.6), ("cal cm-2 d-1", "W m-2", 41840 / 86400),
        ("millibars", "Pa", 100), ("mm degC-1 d-1", "mm d-1 K-1", 1), ("acres", "km2", 0.00404686),
        ("m of water", "mm", 1000), ("g m-2", "mm", 1e-3), ("min", "s", 60),
    ],
)  # fmt: skip
def test_dimensions_tell_what_a_unit_is(units, target, factor):
    assert conversion("x", units, target) == pytest.approx((factor, 0), rel=1e-5)
    assert fits(units, target)


@pytest.mark.parametrize(
    ("units", "target"),
    [
        ("mm month-1", "mm d-1"), ("m3 s-1", "mm d-1"), ("mm d-1", "m3 s-1"),
        ("m 3 s -1", "m3 s-1"),
        ("m3 m-3", "1"), ("gal/min", "m3 s-1"), ("K d-1", "degC"), ("kg m-2", "W m-2"),
        ("mm/(d", "mm d-1"), ("kg", "mm"), ("m d", "mm d-1"), ("mK", "degC"),
    ],
)  # fmt: skip
def test_units_of_other_dimensions_are_refused(units, target):
    assert not fits(units, target)
    with pytest.raises(ValueError, match=f"not known as a unit for '{target}'"):
        conversion("x", units, target)
