"""River reaches by name, the water of a cell in a sub-step: one file each, one line here."""

from gridhydro.reaches.kinematic_wave import KinematicWave
from gridhydro.reaches.lag_and_route import LagAndRoute
from gridhydro.reaches.linear_cascade import LinearCascade
from gridhydro.reaches.muskingum_cunge import MuskingumCunge
from gridhydro.reaches.reach import Reach

REACHES: dict[str, Reach] = {
    reach.name: reach
    for reach in (LinearCascade(), KinematicWave(), MuskingumCunge(), LagAndRoute())
}
