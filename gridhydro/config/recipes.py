"""Published studies that `gridhydro reproduce` repeats: what is run, and what was published.

Standard library only: the command line lists them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A model of a study: the configuration that it is here, and its published scores."""

    name: str
    configuration: str
    medians: Mapping[str, float]  # score -> median over the gauges, in the validation period
    baseflow: float | None = None  # correlation over the gauges of the baseflow index


@dataclass(frozen=True)
class Setting:
    """A setting: what the paper says, what is done here, and where they differ why."""

    what: str
    paper: str
    here: str
    why: str = ""


@dataclass(frozen=True)
class Recipe:
    """A study of one table.

    domain    the packaged domain file
    gauges    how many were scored
    table     where the published scores stand
    left_out  what stands in the table and is not repeated
    """

    about: str
    source: str
    table: str
    domain: str
    gauges: int
    models: tuple[Published, ...]
    settings: tuple[Setting, ...]
    left_out: tuple[str, ...] = ()


_FENG_2022 = Recipe(
    about="HBV with parameters from a network, evolved and with daily parameters, and an LSTM",
    source="Feng et al. (2022), Water Resources Research, doi:10.1029/2022WR032404",
    table="Table 2 (NLDAS, test period 1995-2010, no ensembles)",
    domain="feng_2022",
    gauges=671,
    models=(
        Published("dPL+HBV", "HBV", {"nse": 0.628}, 0.621),
        Published("delta", "delta", {"nse": 0.694}, 0.729),
        Published("delta(beta_t)", "delta(beta)", {"nse": 0.711}, 0.692),
        Published("delta(gamma_t)", "delta(gamma)", {"nse": 0.712}, 0.726),
        Published("delta(gamma_t, beta_t)", "delta(gamma,beta)", {"nse": 0.715}, 0.745),
        Published("LSTM", "LSTM", {"nse": 0.72}),
    ),
    settings=(
        Setting("forcing", "CAMELS-US, NLDAS with daily Tmin and Tmax", "the same"),
        Setting("potential evapotranspiration", "Hargreaves (1994)", "the same"),
        Setting("attributes", "35, Table A1", "the same"),
        Setting("periods", "1980-10-01 to 1995-09-30, 1995-10-01 to 2010-09-30", "the same"),
        Setting(
            "first year of training",
            "not said how it is warmed up",
            "warm-up of the first windows from the record's first days",
            "the record begins in January 1980: windows begin a warm-up later",
        ),
        Setting("network g_A", "LSTM of 256", "the same, after a linear layer and a ReLU"),
        Setting("inputs of g_A", "P, T, PET and the attributes", "the same"),
        Setting("dropout of g_A", "not given", "none"),
        Setting(
            "parameter sets in a basin",
            "not given",
            "16, averaged; dPL+HBV has 1",
            "16 in the authors' later papers",
        ),
        Setting("capillary rise", "none", "none (C = 0)"),
        Setting("minibatches", "100 basins, 365 days, a year of warm-up", "the same"),
        Setting("loss", "RMSE and low-flow RMSE, alpha 0.25", "the same, with mm d-1"),
        Setting("optimizer", "not given", "Adadelta", "that of Song et al. (2024)"),
        Setting(
            "epochs",
            "not given",
            "50 of 454 steps",
            "50 in Feng et al. (2024); an epoch as in hydroDL, the authors' program: 462 steps there "
            "in all 15 years, 454 behind the warm-up",
        ),
        Setting(
            "LSTM: inputs",
            "P, T, radiation, vapour pressure, day length",
            "P, T, PET",
            "the LSTM here has the forcings of HBV",
        ),
        Setting(
            "LSTM: loss",
            "RMSE of normalized, transformed flow",
            "NSE of each basin",
            "the closest loss there is that weighs basins alike; flow is not transformed",
        ),
        Setting("LSTM: dropout", "not given", "0.5"),
        Setting(
            "LSTM: epochs", "not given", "300 of 454 steps", "300 in Feng et al. (2024)"
        ),
        Setting(
            "baseflow index",
            "Q2/Q against that of CAMELS",
            "the same, Q2/Q of the test period",
            "the paper does not say of which days",
        ),
        Setting("seeds", "one run", "one run, or --seeds: the mean discharge of several"),
    ),
    left_out=(
        "the median correlation of evapotranspiration with MODIS, which needs its data",
        "the model with a network in place of the runoff response, which has no row there",
    ),
)

# by the name that the command takes
RECIPES: dict[str, Recipe] = {"feng_2022": _FENG_2022}
