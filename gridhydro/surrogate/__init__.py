"""Models that are not differentiable: run them many times, let an LSTM learn what they do.

    from gridhydro import fields, surrogate

    runs = surrogate.sample(function, parameters, forcing, outputs=outputs, sets=500, out="runs.nc")
    train, test = runs.split(0.2)
    emulator = surrogate.fit(train)
    emulator.fidelity(test)                       # what it is worth, per output
    model = gridhydro.Model(domain, emulator, attributes)

A model with a surrogate for its column is trained as any other: gradients reach its parameters
through the LSTM, whose weights do not change. Tsai et al. (2021, doi:10.1038/s41467-021-26107-z).
"""

from gridhydro.surrogate.column import Surrogate
from gridhydro.surrogate.fitting import fit
from gridhydro.surrogate.options import Training, Windows
from gridhydro.surrogate.runs import Runs
from gridhydro.surrogate.sampling import sample

load = Surrogate.load

__all__ = ["Runs", "Surrogate", "Training", "Windows", "fit", "load", "sample"]
