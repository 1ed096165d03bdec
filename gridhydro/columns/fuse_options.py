"""The decisions that a column of FUSE is made of, the named sets of them, and their names.

Clark et al. (2008, doi:10.1029/2007WR006735): four parents, PRMS, SACRAMENTO, TOPMODEL and ARNO/VIC
are taken apart into decisions, and other columns are made of these.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from gridhydro.base.arguments import one_of
from gridhydro.columns.option_text import options_of

# decision -> its values, by FUSE's names without their endings
DECISIONS = {
    "upper": ("onestate", "tension1", "tension2"),
    "lower": ("fixedsiz", "tens2pll", "unlimfrc", "unlimpow"),
    "surface": ("arno_x_vic", "prms_varnt", "tmdl_param"),
    "percolation": ("f2sat", "w2sat", "lower"),
    "evaporation": ("sequential", "rootweight"),
    "interflow": ("none", "linear"),
    "snow": ("degree_day", "none"),
}


@dataclass(frozen=True)
class FuseOptions:
    """Decisions of a column of FUSE, each one of `DECISIONS`.

    upper        water of the upper layer: one store, tension and free storage, or tension storage
                 in two (recharge zone and excess) and free storage
    lower        the lower layer: one store of a fixed size whose baseflow is a power of its
                 filling, tension storage and two parallel linear reservoirs, or one store of
                 unlimited size, with linear baseflow or with TOPMODEL's power
    surface      the saturated area: by ARNO's and VIC's exponent, PRMS's fraction of tension
                 storage, or TOPMODEL's topographic index
    percolation  from field capacity to saturation, from wilting point to saturation (of one store
                 only), or by the demand of the lower layer as in SACRAMENTO
    evaporation  one layer after the other, or by the fractions of roots in them
    interflow    none, or linear in free storage
    snow         HBV's degree-day snow pack, or none, without temperature among the forcings

    ValueError for other values, and for the two pairs that FUSE leaves out.
    """

    upper: str = "tension1"
    lower: str = "fixedsiz"
    surface: str = "arno_x_vic"
    percolation: str = "f2sat"
    evaporation: str = "sequential"
    interflow: str = "none"
    snow: str = "degree_day"

    def __post_init__(self):
        for name, values in DECISIONS.items():
            one_of(f"FUSE: {name}", getattr(self, name), values)
        if self.upper == "tension2" and self.lower == "tens2pll":
            raise ValueError(
                "FUSE: upper = tension2 and lower = tens2pll do not go together, since only one of "
                "the layers evaporates: take upper = tension1, or another lower layer"
            )
        if self.upper != "onestate" and self.percolation == "w2sat":
            raise ValueError(
                f"FUSE: percolation = w2sat is of one upper store: with upper = {self.upper} take "
                "f2sat or lower"
            )

    @classmethod
    def of(cls, name: str) -> FuseOptions:
        """The decisions that a name says: "fuse_prms", "fuse:upper=tension1,lower=unlimpow".

        What it does not say is as in the named parent, or as usual. ValueError for a decision that
        there is not, or that is given twice.
        """
        first, _, text = name.partition(":")
        said = ",".join(filter(str.strip, text.split(",")))
        given = options_of(said, DECISIONS, "FUSE", "a decision") if said else {}
        return cls(**(asdict(PARENTS.get(first, USUAL)) | given))

    @property
    def name(self) -> str:
        """The name of a column of these decisions."""
        for name, parent in PARENTS.items():
            if self == parent:
                return name
        told = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return ":".join(filter(None, ("fuse", ",".join(told))))


USUAL = FuseOptions()
PARENTS = {
    "fuse_prms": FuseOptions(
        upper="tension2", lower="unlimfrc", surface="prms_varnt", interflow="linear"
    ),
    "fuse_sacramento": FuseOptions(
        lower="tens2pll", surface="prms_varnt", percolation="lower", interflow="linear"
    ),
    "fuse_topmodel": FuseOptions(upper="onestate", lower="unlimpow", surface="tmdl_param"),
    "fuse_vic": FuseOptions(upper="onestate", percolation="w2sat", evaporation="rootweight"),
}
