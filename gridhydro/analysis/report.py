"""All analyses of a trained run, as tables, NetCDF files and figures in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from gridhydro.analysis import budget, evapotranspiration, importance, pet_comparison, plot_analyses
from gridhydro.analysis.budget import OBSERVED
from gridhydro.analysis.evapotranspiration import Observed
from gridhydro.analysis.importance import Draws
from gridhydro.analysis.pet_comparison import PET
from gridhydro.evaluation import plots
from gridhydro.inputs.forcing import Forcing
from gridhydro.io.csv_tables import write_table
from gridhydro.io.export import write_dataset
from gridhydro.model.run import Run
from gridhydro.nets import Parameterization


def analyse(
    run: Run,
    folder: str | Path,
    period: tuple[str, str],
    *,
    observed: Observed | None = None,
    weather: xr.Dataset | Forcing | None = None,
    pet: Mapping[str, xr.DataArray] | None = None,
    gauges: Sequence[str] | None = None,
    forcing=None,
    draws: Draws = Draws(),
    progress: bool = True,
) -> dict[str, Any]:
    """Write what there is data for into the folder, and return it by name.

    observed      discharge and storage, as for `with_observed`
    weather, pet  for `compare_pet`, `pet` its `others`; what the column is given is among them as
                  "run"
    gauges        names; all of the domain if left out
    forcing       as for `Run.simulate`
    draws         of `expected_gradients`

    water_budget (upstream of the gauges) and water_budget_between (between them, where they are
    nested): .nc by month, .csv by month, year and whole period, .png by year.
    evapotranspiration.csv: yearly scores against the observed balance; pet.nc, .csv;
    importance.nc, .csv; figures as .png. The key left_out says what was not done, and why.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(weather, Forcing):
        weather = weather.dataset(run.model.domain)
    found: dict[str, Any] = {"left_out": {}}
    if observed is None:
        found["left_out"]["evapotranspiration"] = "neither discharge nor storage is given"
    if weather is None:
        found["left_out"]["pet"] = "no weather is given"
    for name, between in (("water_budget", False), ("water_budget_between", True)):
        if between and not _nested(run.model.domain, gauges):
            continue
        months = budget.water_budget(
            run, period, gauges, between=between, forcing=forcing, progress=progress
        )
        if observed is not None:
            months = evapotranspiration.with_observed(months, run.model.domain, observed)
        found[name] = months
        _write_budget(folder, name, months)
        if observed is not None:
            ending = name.removeprefix("water_budget")
            found[f"evapotranspiration{ending}"] = _write_scores(folder, ending, months)
    if weather is not None:
        found["pet"] = _write_pet(run, folder, weather, pet, gauges, period, forcing, progress)
    _importance(run, folder, found, draws, progress)
    return found


def _nested(domain, gauges) -> bool:
    """Whether one of the gauges lies upstream of another, and none in its cell."""
    if domain.lumped:
        return False
    chosen = domain.gauges if gauges is None else domain.gauges.loc[list(gauges)]
    cells = chosen["cell"].to_numpy()
    if len(set(cells)) < len(cells):
        return False
    return any(len(set(domain.network.upstream_cells(cell)) & set(cells)) > 1 for cell in cells)


def _write_budget(folder: Path, name: str, months: xr.Dataset) -> None:
    write_dataset(folder / f"{name}.nc", months, "water budget by month")
    years, whole = budget.total(months, "YS"), budget.total(months)
    for ending, values in (("monthly", months), ("yearly", years), ("whole", whole)):
        write_table(folder / f"{name}_{ending}.csv", budget.table(values))
    plots.save(plot_analyses.budget(years), folder / f"{name}.png")
    plots.save(plot_analyses.budget(months), folder / f"{name}_monthly.png")


def _write_scores(folder: Path, ending: str, months: xr.Dataset) -> pd.DataFrame:
    years = budget.total(months, "YS")
    scores = evapotranspiration.against_observed(years)
    write_table(folder / f"evapotranspiration{ending}.csv", scores)
    plots.save(plot_analyses.biases(scores), folder / f"biases{ending}.png")
    if f"{OBSERVED}evapotranspiration" in years:
        figure = plot_analyses.evapotranspiration(years)
        plots.save(figure, folder / f"evapotranspiration{ending}.png")
    return scores


def _write_pet(run, folder, weather, pet, gauges, period, forcing, progress) -> xr.Dataset:
    others = dict(pet or {})
    if PET in [field.name for field in run.model.column.forcings]:
        others["run"] = pet_comparison.given_to_column(run, forcing)
    domain = run.model.domain
    compared = pet_comparison.compare_pet(
        weather, domain, gauges, period=period, others=others, progress=progress
    )
    write_dataset(folder / "pet.nc", compared, "potential evapotranspiration by method")
    write_table(folder / "pet.csv", pet_comparison.table(compared))
    plots.save(plot_analyses.pet(compared), folder / "pet.png")
    if not domain.lumped:
        plots.save(plot_analyses.pet_maps(compared, domain), folder / "pet_maps.png")
    return compared


def _importance(run, folder, found, draws, progress) -> None:
    if not isinstance(run.model.network, Parameterization):
        found["left_out"]["importance"] = "the model has no parameterization network"
        return
    try:
        values = importance.expected_gradients(run.model, draws, progress=progress)
    except (ImportError, ValueError) as error:
        found["left_out"]["importance"] = str(error)
        return
    found["importance"] = values
    write_dataset(folder / "importance.nc", values, "expected gradients")
    part = ("(name of a parameter)", "1", "mean absolute expected gradient, fraction of its range")
    table = importance.table(values).reset_index()
    write_table(folder / "importance.csv", table, rest=part)
    plots.save(plot_analyses.importance(values), folder / "importance.png")
