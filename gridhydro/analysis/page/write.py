"""The report of a run, or of several: one HTML file, to be opened without a network."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from gridhydro.analysis.page import several_tables, tables
from gridhydro.analysis.page.contents import Contents, read
from gridhydro.analysis.page.curves import curves
from gridhydro.analysis.page.map_data import map_data, score_layers
from gridhydro.analysis.page.series_data import series_data
from gridhydro.analysis.page.several import Several, read_several
from gridhydro.analysis.page.skeleton import Head, Section, page
from gridhydro.analysis.page.truth import truth, truth_curves
from gridhydro.analysis.page.where import marked, where_html
from gridhydro.base.damage import reading
from gridhydro.base.files import replace
from gridhydro.base.folders import settled
from gridhydro.model.run_folder import MEND, REPORT, finished, index


def report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write a run as one HTML file that can be opened anywhere, offline; returns its path.

    folder  that `Run.save` or `gridhydro train` wrote, with --seeds too, or `gridhydro
            cross-validate`; nothing but it is read, nothing simulated
    out     the file; report.html in the folder if left out

    It has a map with parameters, fluxes, rivers and scores, the hydrograph of every gauge, tables,
    the course of the training, the water budget, warnings, settings, and how to repeat the run:
    as far as the folder has them, and says what it lacks. Of an ensemble it shows the mean of the
    runs and how far they are apart, of folds each gauge as by the one that holds it out, with the
    scores of all runs and links to their reports.
    FileNotFoundError where no run is finished; ValueError for a damaged file, naming it.
    """
    folder = Path(folder)
    settled(folder)
    out = folder / REPORT if out is None else Path(out)
    with reading(folder, "a run that a report can be made of", MEND):
        several = None if finished(folder) else read_several(folder)
    if several is None:
        index(folder)  # says where nothing is finished
    with reading(folder, "a run that a report can be made of", MEND):
        text = html(read(folder) if several is None else several, out.parent)
    out.parent.mkdir(parents=True, exist_ok=True)
    replace(out, partial(Path.write_text, data=text, encoding="utf-8"))
    return out


def html(contents: Contents, beside: Path | None = None) -> str:
    """The whole page, for a folder that it is to lie in, from which its links lead."""
    where = map_data(contents)
    series, told = series_data(contents)
    if isinstance(contents, Several) and contents.splits:
        told += "; each gauge by the fold that holds it out"
    names = [gauge["name"] for gauge in where["gauges"]] if where else []
    drawn = curves(contents)
    data = {
        "map": where, "scores": score_layers(contents.scores, names), "series": series,
        "periods": [[name, *days] for name, days in marked(contents, series)], "curves": drawn,
    }  # fmt: skip
    sections = [
        Section("warnings", "Warnings", tables.warnings(contents), bool(contents.warnings)),
        Section("where", "Map and hydrographs", where_html(contents, where, series, told)),
    ]
    if contents.truth is not None:
        sections.append(Section("truth", "Beside the truth", truth(contents.truth)))
        drawn |= truth_curves(contents.truth)
    settings, training = tables.settings(contents), tables.training
    if isinstance(contents, Several):
        title = "Folds" if contents.splits else "Runs and their mean"
        settings, training = several_tables.settings(contents) + settings, several_tables.training
        beside = contents.folder if beside is None else beside
        sections.append(Section("members", title, several_tables.members(contents, beside)))
        drawn |= several_tables.curves(contents)
    sections.append(Section("scores", "Scores", tables.scores(contents)))
    if not isinstance(contents, Several):
        sections.append(Section("water", "Water budget", tables.water(contents)))
    sections += [
        Section("training", "Training", training(contents)),
        Section("parameters", "Parameters", tables.parameters(contents)),
        Section("settings", "Settings", settings),
        Section("again", "How to repeat it", tables.again(contents)),
    ]
    return page(_head(contents), sections, data)


def _head(contents: Contents) -> Head:
    kind, line = "a run", tables.headline(contents)
    cards = tables.cards(contents)
    if isinstance(contents, Several):
        kind = "a cross-validation" if contents.splits else "an ensemble"
        line = f"{several_tables.headline(contents)}: {line}"
    return Head(
        contents.folder.resolve().name, kind, line,
        str(contents.index.get("versions", {}).get("gridhydro", "of an unknown version")), cards,
        "" if contents.truth is None else contents.truth.world,
    )  # fmt: skip
