"""GRACE over the Amazon: a file of South America on the 3-degree tiles of the real river network.

    python -m benchmarks.amazon_tiles --data FOLDER [--out FOLDER]

The cells are those of DDM30 that drain to the mouth, at half a degree; tiles are kept where the
basin covers half of them or more. Writes tiles.csv, a table and figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import gridhydro as gh
from benchmarks.machine import describe
from gridhydro.evaluation import plots
from gridhydro.evaluation.tables import to_markdown
from gridhydro.io import read_grace
from gridhydro.synthetic.amazon import DDM30, GRACE
from gridhydro.synthetic.amazon_land import amazon

RESULTS = Path(__file__).parent / "results" / "amazon_tiles"
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    domain, tiles, storage = observed(options.data)
    table = statistics(tiles, storage)
    options.out.mkdir(parents=True, exist_ok=True)
    table.round(2).to_csv(options.out / "tiles.csv")
    basin = pd.Series(over_basin(tiles, storage, domain), middles(storage))
    text = summary(domain, tiles, storage, table, basin)
    (options.out / "tables.md").write_text(text)
    print(text, describe("cpu"), sep="\n")
    figure = draw(domain, tiles, storage, table, basin)
    plots.save(figure, options.out / "tiles.png", dpi=85)


def observed(data: Path):
    """Domain, tiles and storage."""
    domain, _ = amazon(data / DDM30)
    tiles = gh.Tiles.of(domain, 3.0, 0.5)
    twsa = read_grace(data / GRACE, domain=domain)
    return domain, tiles, gh.StorageObservations.on(tiles, domain, twsa)


def middles(storage) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(storage.start + (storage.end - storage.start) / 2)


def over_basin(tiles, storage, domain) -> np.ndarray:
    """Mean over the tiles by the area that the basin has in them, (S,) mm."""
    area = (tiles.matrix > 0) @ domain.area
    return storage.values @ (area / area.sum())


def statistics(tiles, storage) -> pd.DataFrame:
    """Of each tile: share inside, annual range, months of the extremes, trend, departures."""
    times = middles(storage)
    values = pd.DataFrame(storage.values, times, tiles.names)
    year = values.groupby(times.month).mean()
    departures = values - year.loc[times.month].to_numpy()
    age = (times - times[0]).days / 365.25
    return pd.DataFrame(
        {
            "share inside": tiles.share,
            "annual range mm": np.ptp(year.to_numpy(), axis=0),
            "wettest month": year.idxmax(),
            "driest month": year.idxmin(),
            "trend mm/a": np.polyfit(age, departures, 1)[0],
            "departures mm": departures.std(),
            "spread mm": values.std(),
        }
    ).rename_axis("tile")


def summary(domain, tiles, storage, table, basin) -> str:
    year = basin.groupby(basin.index.month).mean()
    monthly = basin - year.loc[basin.index.month].to_numpy()
    lines = [
        f"{domain.size} cells, {domain.area.sum() / 1e6:,.0f} km2; {tiles.size} tiles over "
        f"{np.unique(tiles.matrix.indices).size} cells; {len(storage.start)} solutions from "
        f"{storage.start.min()} to {storage.end.max()}, "
        f"{np.isnan(storage.values).mean():.0%} of the values missing.",
        f"Mean of the tiles: annual range {np.ptp(year):.0f} mm (highest in month {year.idxmax()}, "
        f"lowest in {year.idxmin()}); highest {basin.max():.0f} mm in {basin.idxmax():%Y-%m}, "
        f"lowest {basin.min():.0f} mm in {basin.idxmin():%Y-%m}; driest against the mean year "
        f"{monthly.min():.0f} mm in {monthly.idxmin():%Y-%m}, wettest {monthly.max():.0f} mm in "
        f"{monthly.idxmax():%Y-%m}.",
        roughest(storage),
    ]
    columns = list(table)
    spread = (
        table[columns]
        .describe()
        .loc[["min", "50%", "max"]]
        .drop(columns=["wettest month", "driest month"])
    )
    spread.index = pd.Index(["smallest", "median", "largest"], name="over the tiles")
    chosen = table.loc[examples(tiles, table)].rename_axis("drawn")
    parts = [*lines, to_markdown(spread, 1), to_markdown(chosen, 1)]
    return "\n\n".join(parts) + "\n"


def roughest(storage) -> str:
    """The solutions that agree least with those before and after, tile by tile."""
    values, times = storage.values, middles(storage)
    away = values[1:-1] - (values[:-2] + values[2:]) / 2
    spread = pd.Series(away.std(axis=1), times[1:-1].strftime("%Y-%m")).nlargest(len(away))
    worst = ", ".join(f"{when} {value:.0f} mm" for when, value in spread.iloc[:3].items())
    return (
        "Standard deviation over the tiles of the difference to the mean of the solutions before "
        f"and after: median {spread.median():.0f} mm; largest {worst}."
    )


def examples(tiles, table) -> list[str]:
    """The tile of the largest annual range, and those furthest north, west and south."""
    west, south = tiles.bounds[:, 0], tiles.bounds[:, 1]
    places = [table["annual range mm"].argmax(), south.argmax(), west.argmin(), south.argmin()]
    return list(dict.fromkeys(tiles.names[k] for k in places))


def draw(domain, tiles, storage, table, basin) -> Figure:
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    lon, lat = domain.lonlat
    left.scatter(lon, lat, s=3, color="0.8", marker="s", lw=0)
    ranges = table["annual range mm"].to_numpy()
    norm, cmap = mpl.colors.Normalize(ranges.min(), ranges.max()), mpl.colormaps["viridis"]
    for (west, south, east, north), value in zip(tiles.bounds, ranges, strict=True):
        size = east - west, north - south
        left.add_patch(
            Rectangle((west, south), *size, facecolor=(*cmap(norm(value))[:3], 0.75), ec="white")
        )
    names = examples(tiles, table)
    for k, name in enumerate(names):
        west, south, east, north = tiles.bounds[list(tiles.names).index(name)]
        left.add_patch(
            Rectangle((west, south), east - west, north - south, fill=False, ec=COLOURS[k], lw=2.5)
        )
    left.set_aspect("equal")
    left.set_xlim(lon.min() - 2, lon.max() + 2)
    left.set_ylim(lat.min() - 2, lat.max() + 2)
    left.set_xlabel("longitude / degrees")
    left.set_ylabel("latitude / degrees")
    colours = mpl.cm.ScalarMappable(norm, cmap)
    figure.colorbar(colours, ax=left, label="range of the mean year / mm", shrink=0.8)
    times = middles(storage)
    # a line over months without a solution would tell of what nobody saw
    gap = np.concatenate([[False], np.diff(times) > np.timedelta64(100, "D")])
    for k, name in enumerate(names):
        series = storage.values[:, list(tiles.names).index(name)]
        right.plot(times, np.where(gap, np.nan, series), color=COLOURS[k], lw=1.1, label=name)
    right.plot(
        times, np.where(gap, np.nan, basin), color="black", lw=1.6, label="mean of the tiles"
    )
    right.set_ylabel("anomaly of water storage / mm")
    right.grid(alpha=0.25)
    right.margins(x=0.01)
    right.legend(ncols=3, fontsize=8.5, frameon=False, loc="upper left")
    low, high = right.get_ylim()
    right.set_ylim(low, high + 0.2 * (high - low))
    return figure


if __name__ == "__main__":
    main()
