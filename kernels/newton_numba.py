"""Newton's programs in a CPU kernel: their rows of the workspace, and the loop over trials."""

from __future__ import annotations

from gridhydro.kernels.newton import Newton

# all lanes of a block go on until each is solved; one that is stays where it is
LOOP = """
@njit
def {name}(w):
    guess(w)
    unsolved = residual(w)
    for _ in range({iterations}):
        if unsolved == 0:
            break
        direction(w)
        unsolved = residual(w)
    finish(w)
"""


def rows(newton: Newton) -> dict[str, list[str]]:
    """Rows of the workspace, group by group."""
    by_state = dict.fromkeys(("PREVIOUS", "RESIDUAL", "ACCEPTED", "DIRECTION"), newton.states)
    more = dict(COSTLY=newton.saved, RATES=newton.rates, SEARCH=["best", "damping"])
    return by_state | more | dict(MISSED=["missed"])


def functions(newton: Newton, at, inputs: dict, outputs: dict, sums: dict) -> list[tuple]:
    """Name, program, offsets of inputs, outputs and sums, and the condition that is counted."""
    iteration = at("SEARCH") | at("ACCEPTED", "accepted_") | at("DIRECTION", "direction_")
    residual, previous = at("RESIDUAL", "residual_"), at("PREVIOUS", "previous_")
    rates, costly = at("RATES", "trial_"), at("COSTLY")
    trial = residual | rates | {f"saved_{name}": offset for name, offset in costly.items()}
    given = inputs | residual | costly | iteration
    return [
        ("guess", newton.guess, inputs, at("STATES") | previous | at("SEARCH")),
        ("residual", newton.residual, inputs | previous, trial, {}, "unsolved"),
        ("direction", newton.direction, given, at("STATES") | iteration),
        ("finish", newton.finish, inputs | residual | rates, outputs, sums | at("MISSED")),
    ]
