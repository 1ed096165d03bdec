"""Books of the water of a column: its physics written once, taken all at once or in turn.

A column moves water from store to store by `give`, `take` and `spill`, and reads what is in the
stores from `stores`. `Rates` keeps the books of a `tendency`, where all fluxes follow from the same
stores; `InTurn` those of a `step`, where each changes the stores before the next one is asked for.
"""

from types import SimpleNamespace

import torch


class Rates:
    """Fluxes all at once, from stores that stay as they are.

    `overflow(store, capacity)` gives the fraction of what comes into a store that runs over.
    """

    def __init__(self, stores: SimpleNamespace, overflow):
        self.stores, self._overflow = stores, overflow
        self.changes: dict = {}

    def give(self, name: str, flux) -> None:
        """Water into a store, mm d-1."""
        self.changes[name] = self.changes[name] + flux if name in self.changes else flux

    def take(self, name: str, flux):
        """Water out of a store, mm d-1; returns how much."""
        self.give(name, -flux)
        return flux

    def spill(self, name: str, capacity, flux):
        """Water into a store of this capacity, mm; returns what of it runs over, mm d-1."""
        over = flux * self._overflow(getattr(self.stores, name), capacity)
        self.give(name, flux - over)
        return over


class InTurn:
    """Fluxes of a day one after the other: each changes `stores`, none takes more than is there."""

    def __init__(self, stores: SimpleNamespace):
        self.stores = SimpleNamespace(**vars(stores))

    def give(self, name: str, flux) -> None:
        """Water into a store, mm d-1."""
        setattr(self.stores, name, getattr(self.stores, name) + flux)

    def take(self, name: str, flux):
        """Water out of a store, mm d-1; returns how much."""
        flux = torch.minimum(flux, getattr(self.stores, name))
        self.give(name, -flux)
        return flux

    def spill(self, name: str, capacity, flux):
        """Water into a store of this capacity, mm; returns what does not find room, mm d-1."""
        self.give(name, flux)
        return self.take(name, torch.clamp(getattr(self.stores, name) - capacity, min=0))
