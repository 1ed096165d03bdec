"""FUSE: columns made of decisions, those of PRMS, SACRAMENTO, TOPMODEL, ARNO/VIC, and any between.

Equations: Clark et al. (2008, doi:10.1029/2007WR006735), by the names of the program published with
it, which parameters keep here. An upper and a lower layer, each one or more stores (`fuse_layers`);
`FuseOptions` says what they are and which fluxes there are. Ranges are those that Vitolo et al.
give for the program (R package fuse), but for the least `qb_powr` with a topographic index: the
mean of the n-th root of the index is to be finite.

Stores run over by the published logistic function of their filling, which sets in below the
capacity, where its width is `SMOOTHING` of that: rates have no threshold there. In the daily
`step`, in which the water of a day comes at once, that runs over which finds no room.
"""

from __future__ import annotations

from dataclasses import asdict

import torch

from gridhydro.base.arguments import one_of
from gridhydro.columns import degree_day
from gridhydro.columns.column import Column, Field, fields
from gridhydro.columns.fuse_layers import LOWER, UPPER, power
from gridhydro.columns.fuse_options import DECISIONS, FuseOptions
from gridhydro.columns.ledger import InTurn, Rates
from gridhydro.columns.topographic_index import TINY, saturated_area

SMOOTHING = 0.01  # width of the logistic function, of the capacity of a store
BELOW = 5  # so many widths below the capacity half of what comes runs over

_FIELDS = fields(
    "maxwatr_1 mm [25, 500]: capacity of the upper layer",
    "fracten 1 [0.05, 0.95]: tension storage as a fraction of the capacity of a layer",
    "frchzne 1 [0.05, 0.95]: recharge zone as a fraction of tension storage",
    "maxwatr_2 mm [50, 5000] log: capacity of the lower layer",
    "percfrac 1 [0.05, 0.95]: fraction of percolation that goes to free storage",
    "fprimqb 1 [0.05, 0.95]: primary reservoir as a fraction of free storage of the lower layer",
    "qbrate_2a d-1 [0.001, 0.25] log: recession rate of the primary reservoir",
    "qbrate_2b d-1 [0.001, 0.25] log: recession rate of the secondary reservoir",
    "qb_prms d-1 [0.001, 0.25] log: recession rate of the lower layer",
    "baserte mm d-1 [0.001, 1000] log: baseflow of a full lower layer; with a topographic index"
    " the conductivity that it comes of",
    "qb_powr 1 [1, 10]: exponent of baseflow",
    "loglamb 1 [5, 10]: mean of the logarithm of the topographic index, which is in m",
    "tishape 1 [2, 5]: shape of the gamma distribution of that logarithm",
    "axv_bexp 1 [0.001, 3]: exponent of the saturated area",
    "sareamax 1 [0.05, 0.95]: largest saturated area, as a fraction of the cell",
    "percrte mm d-1 [0.01, 1000] log: percolation from a full upper layer",
    "percexp 1 [1, 20]: exponent of percolation",
    "sacpmlt 1 [1, 250]: by how much percolation into a dry lower layer exceeds that into a full"
    " one",
    "sacpexp 1 [1, 5]: exponent of the dryness of the lower layer",
    "rtfrac1 1 [0.05, 0.95]: fraction of roots in the store that evaporates first",
    "iflwrte mm d-1 [0.01, 1000] log: interflow from full free storage",
)
# the mean of the n-th root of any topographic index of these ranges is finite from here on
LEAST_POWER = 4.0
_FINITE = fields(f"qb_powr 1 [{LEAST_POWER}, 10]: exponent of baseflow, and of the index")
_INDEX = ("loglamb", "tishape", "qb_powr", "maxwatr_2")
# what each decision needs besides the layers
_NEEDS: dict[str, dict[str, tuple[str, ...]]] = {
    "surface": {
        "arno_x_vic": ("axv_bexp",), "prms_varnt": ("sareamax",), "tmdl_param": _INDEX,
    },
    "percolation": {
        "f2sat": ("percrte", "percexp"), "w2sat": ("percrte", "percexp"),
        "lower": ("sacpmlt", "sacpexp", "maxwatr_2"),
    },
    "evaporation": {"sequential": (), "rootweight": ("rtfrac1",)},
    "interflow": {"none": (), "linear": ("iflwrte",)},
}  # fmt: skip


def overflow(store, capacity):
    """The fraction of what comes into a store that runs over, 0 to 1: logistic in its filling."""
    # the logistic function as a hyperbolic tangent, whose slope is finite far from the capacity
    return 0.5 + 0.5 * torch.tanh((0.5 / SMOOTHING) * (store / capacity - 1) + 0.5 * BELOW)


class Fuse(Column):
    """A column of FUSE made of decisions; sources of its equations at the head of the file.

    parent     "fuse", or one of "fuse_prms", "fuse_sacramento", "fuse_topmodel" and "fuse_vic"
    decisions  what is other than there, see `FuseOptions`: Fuse("fuse_prms", interflow="none")

    ValueError for decisions that there are not, or that do not go together.
    """

    source = "Clark et al. (2008, doi:10.1029/2007WR006735)"

    def __init__(self, parent: str = "fuse", **decisions: str):
        known = asdict(FuseOptions.of(parent))
        for decision in decisions:
            one_of("a decision of FUSE", decision, DECISIONS)
        self.options = options = FuseOptions(**known | decisions)
        self.name = options.name
        self.upper, self.lower = UPPER[options.upper], LOWER[options.lower]
        self.snow = options.snow == "degree_day"
        self.forcings = fields(
            "precipitation mm d-1: precipitation",
            *["temperature degC: air temperature at 2 m, daily mean"] * self.snow,
            "potential_evapotranspiration mm d-1: potential evapotranspiration",
        )
        self.states = (
            *degree_day.STATES * self.snow,
            *self.upper.states,
            *self.lower.states,
        )
        self.parameters = (*_parameters(options), *degree_day.PARAMETERS * self.snow)
        self.fluxes = (*_fluxes(options), *degree_day.FLUXES * self.snow)
        if self.snow:
            self.source += f"; {degree_day.SOURCE}"

    def step(self, s, x, p):
        """One day, one flux after another: snow, runoff, evaporation, percolation, baseflow."""
        snow, fluxes = degree_day.day_of_snow(s, x, p) if self.snow else ({}, {})
        books = InTurn(s)
        fluxes = fluxes | self.move(books, x, p, fluxes)
        states = vars(books.stores) | snow
        return states, fluxes | self.held(states, p)

    def tendency(self, s, x, p, dt):
        """All fluxes at once, from the same stores; `dt` limits what the snow pack gives."""
        snow, fluxes = degree_day.rates_of_snow(s, x, p, dt) if self.snow else ({}, {})
        books = Rates(s, overflow)
        fluxes = fluxes | self.move(books, x, p, fluxes)
        return books.changes | snow, fluxes | self.held(vars(s), p)

    def move(self, books, x, p, snow):
        """Move the water of the soil by the books; returns the fluxes by name."""
        liquid = snow["rainfall"] + snow["infiltration"] if self.snow else x.precipitation
        area = self.saturated_area(books.stores, p)
        surface_runoff = area * liquid
        upper_overflow = self.upper.fill(books, p, liquid - surface_runoff)
        evaporation = self.evaporate(books, x, p)
        # both from the same free storage: none takes what the other leaves
        percolation = self.percolation(books.stores, p)
        interflow = self.interflow(books.stores, p)
        percolation = books.take(self.upper.free, percolation)
        interflow = interflow if interflow is None else books.take(self.upper.free, interflow)
        lower_overflow = self.lower.fill(books, p, percolation)
        baseflow = self.lower.drain(books, p)
        flows = dict(
            surface_runoff=surface_runoff, upper_overflow=upper_overflow,
            lower_overflow=lower_overflow, baseflow=baseflow,
        )  # fmt: skip
        if interflow is not None:
            flows["interflow"] = interflow
        return flows | dict(
            runoff=sum(flows.values()), actual_evapotranspiration=evaporation,
            percolation=percolation, saturated_area=area,
        )  # fmt: skip

    def saturated_area(self, s, p):
        """The fraction of the cell that is saturated, on which no water infiltrates."""
        surface = self.options.surface
        if surface == "tmdl_param":
            return saturated_area(self.lower.filling(s, p), p)
        filling = self.upper.filling(s, p)
        if surface == "prms_varnt":
            return p.sareamax * filling.tension
        return 1 - torch.clamp(1 - filling.whole, min=TINY) ** p.axv_bexp

    def evaporate(self, books, x, p):
        """Evaporation of the first two stores that evaporate, in turn or by their roots, mm d-1."""
        demand = x.potential_evapotranspiration
        weighted = self.options.evaporation == "rootweight"
        stores = self.upper.evaporating(books.stores, p)
        if len(stores) == 1:
            stores += self.lower.evaporating(books.stores, p)
        taken = 0 * demand
        for roots, (store, filling) in zip((0, 1), stores, strict=False):
            if weighted:
                wanted = demand * (1 - p.rtfrac1 if roots else p.rtfrac1)
            else:
                wanted = demand - taken
            taken = taken + books.take(store, wanted * filling)
        return taken

    def percolation(self, s, p):
        """Percolation from the upper to the lower layer, mm d-1, before it is taken."""
        filling = self.upper.filling(s, p)
        if self.options.percolation == "lower":
            dryness = torch.clamp(1 - self.lower.filling(s, p), min=0)
            demand = 1 + p.sacpmlt * power(dryness, p.sacpexp)
            return self.lower.saturated(p) * demand * filling.free
        wetness = filling.free if self.options.percolation == "f2sat" else filling.whole
        return p.percrte * power(wetness, p.percexp)

    def interflow(self, s, p):
        """Interflow from free storage, mm d-1, before it is taken; None without it."""
        if self.options.interflow == "none":
            return None
        return p.iflwrte * self.upper.filling(s, p).free

    def held(self, states, p):
        """What there is in the stores, by name."""
        upper = sum(states[f.name] for f in self.upper.states)
        stores = upper + sum(states[f.name] for f in self.lower.states)
        if not self.snow:
            return dict(soil_wetness=upper / p.maxwatr_1, total_storage=stores)
        snow = states["snowpack"] + states["meltwater"]
        return dict(
            soil_wetness=upper / p.maxwatr_1, total_storage=stores + snow,
            snow_water_equivalent=snow,
        )  # fmt: skip

    def refuse(self, values):
        """ValueError for a power with which the mean of the topographic index may be infinite."""
        power = values.get("qb_powr")
        indexed = any(f.name == "loglamb" for f in self.parameters)
        if indexed and isinstance(power, (int, float)) and power < LEAST_POWER:
            raise ValueError(
                f"qb_powr = {power:g} of the column '{self.name}': the mean of so high a root of "
                f"the topographic index may be infinite; take {LEAST_POWER:g} or more"
            )


def _parameters(options: FuseOptions) -> tuple[Field, ...]:
    """The parameters that the decisions need, each once, in the order of `_FIELDS`."""
    needed = {*UPPER[options.upper].parameters, *LOWER[options.lower].parameters}
    for decision, needs in _NEEDS.items():
        needed |= set(needs[getattr(options, decision)])
    other = {f.name: f for f in _FINITE} if "loglamb" in needed else {}
    return tuple(other.get(f.name, f) for f in _FIELDS if f.name in needed)


def _fluxes(options: FuseOptions) -> tuple[Field, ...]:
    snow, interflow = options.snow != "none", options.interflow != "none"
    return fields(
        "runoff mm d-1: water to the river, sum of the flows",
        "actual_evapotranspiration mm d-1: actual evapotranspiration",
        "surface_runoff mm d-1: rain and melt on saturated ground",
        "upper_overflow mm d-1: water that finds no room in the upper layer",
        *["interflow mm d-1: flow from free storage of the upper layer"] * interflow,
        "lower_overflow mm d-1: water that finds no room in the lower layer",
        "baseflow mm d-1: flow from the lower layer",
        "percolation mm d-1: percolation from the upper to the lower layer",
        "saturated_area 1: fraction of the cell that is saturated",
        *["snow_water_equivalent mm: frozen and liquid water in the snow pack"] * snow,
        "soil_wetness 1: water in the upper layer as a fraction of its capacity",
        "total_storage mm: water in all stores",
    )
