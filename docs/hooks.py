"""Pages of the site that are made: of the options of domain files, of the command line, of the
public names, and of the notebooks. mkdocs calls `on_files`; nothing here imports torch by itself.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from columned import as_markdown, entries  # noqa: E402

_NOTE = "<!-- made by docs/hooks.py -->\n"
# headings of the Python reference, by the room that a name lives in
_ROOMS = {
    "domain": "Domains", "inputs": "What a model reads", "observations": "Observations",
    "columns": "Columns", "kernels": "Columns", "model": "Models and runs",
    "nets": "Networks", "training": "Training", "analysis": "Reports",
}  # fmt: skip


def on_files(files, config):
    """The site's files with those that are made."""
    from mkdocs.structure.files import File

    made = {
        "domain_files.md": domain_files(), "commands.md": commands(), "api.md": python_names(),
        "templates.md": templates(),
    }  # fmt: skip
    for path in sorted((HERE.parent / "benchmarks" / "results").rglob("*")):
        if path.suffix in (".md", ".png"):
            place = f"results/{path.relative_to(HERE.parent / 'benchmarks' / 'results').as_posix()}"
            files.append(File.generated(config, place, abs_src_path=str(path)))
    for path in notebooks():
        made[f"notebooks/{path.stem}.md"] = as_page(path)
        files.append(File.generated(config, f"notebooks/{path.name}", abs_src_path=str(path)))
    for place, content in made.items():
        files.append(File.generated(config, place, content=_NOTE + content))
    return files


def on_page_markdown(markdown, page, config, files):
    """A page with the parameters of a column in place of {{ parameters of NAME }}."""
    return re.sub(r"\{\{ parameters of (\w+) \}\}", lambda found: parameters(found[1]), markdown)


def parameters(name: str) -> str:
    """The rows of a table of a column's parameters: name, unit, range, meaning."""
    from gridhydro.columns import column

    return "\n".join(
        f"| `{f.name}` | {f.unit} | {f.bounds[0]:g} to {f.bounds[1]:g} | {f.long_name} |"
        for f in column(name).parameters
    )


_TEMPLATES = {
    "A domain file": ("template_domain.toml", "toml"),
    "A column": ("template_column.py", "python"),
    "A network": ("template_network.py", "python"),
    "A reader": ("template_reader.py", "python"),
}


def templates() -> str:
    """The files to copy, which a test runs."""
    parts = ["# Templates\n\nShort files to copy, from `tests/support/`, where a test runs them.\n"]
    for heading, (name, language) in _TEMPLATES.items():
        text = (HERE.parent / "tests" / "support" / name).read_text().strip()
        parts.append(f'## {heading}\n\n```{language} title="{name}"\n{text}\n```\n')
    return "\n".join(parts)


def notebooks() -> list[Path]:
    """The notebooks, by name."""
    return sorted((HERE / "notebooks").glob("*.ipynb"))


def as_page(path: Path) -> str:
    """A notebook as Markdown, with a link to the file.

    Its outputs are there where the variable GRIDHYDRO_DOCS_RUN has it executed, for a minute or so.
    """
    run = os.environ.get("GRIDHYDRO_DOCS_RUN")
    cells = _executed(path) if run else json.loads(path.read_text())["cells"]
    parts = [_as_markdown(cell) for cell in cells]
    told = f"This page is a notebook: [{path.name}]({path.name}), to be run as it stands."
    return "\n\n".join([parts[0], told, *parts[1:]]) + "\n"


def _executed(path: Path) -> list[dict]:
    """The cells of a notebook with their outputs."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(book, timeout=600, resources={"metadata": {"path": folder}}).execute()
    return book["cells"]


def _as_markdown(cell: dict) -> str:
    text = "".join(cell["source"]).strip("\n")
    if cell["cell_type"] == "markdown":
        return text
    found = [f"```python\n{text}\n```"]
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            picture = "".join(data["image/png"]).replace("\n", "")
            found.append(f"![figure](data:image/png;base64,{picture})")
        elif said := "".join(output.get("text", data.get("text/plain", ""))).strip("\n"):
            said = re.sub(r"\x1b\[[0-9;]*m", "", said).strip("\n")  # colours of a terminal
            # of warnings, where they come from is a folder that is gone
            said = re.sub(r"^/\S*/(\d+\.py:\d+)", r"\1", said, flags=re.MULTILINE)
            found.append(f"```text\n{said}\n```")
    return "\n\n".join(found)


def domain_files() -> str:
    """The reference of domain files: their sections with keys, types, defaults and meanings."""
    from gridhydro.columns.components import Components
    from gridhydro.config import load, presets, sections
    from gridhydro.inputs.basins import BasinsOptions, Layer, PolygonsOptions
    from gridhydro.io.gridded import Reading
    from gridhydro.model.river import River
    from gridhydro.model.stepping import Stepping
    from gridhydro.model.unit_hydrograph import UnitHydrograph
    from gridhydro.nets.options import ParameterNetwork
    from gridhydro.training.batches import Batches
    from gridhydro.training.calibration.sceua import SCEUA
    from gridhydro.training.options import Checkpoints, Optimizer, SpinUp
    from gridhydro.training.selection import Validation

    tables = [
        ("[domain]", sections.DomainOptions), ("[network]", sections.NetworkOptions),
        ("[[gauges]]", sections.GaugeOptions),
        ("[gauge_table]", sections.GaugeTableOptions), ("[grdc]", sections.GrdcOptions),
        ("[landsurface]", sections.LandSurfaceOptions), ("[lakes]", sections.LakeOptions),
        ("[attributes.NAME]", sections.AttributeOptions),
        ("[forcing.NAME]", sections.ForcingOptions), ("[weather]", sections.WeatherOptions),
        ("[weather.reading]", Reading), ("[grace]", sections.GraceOptions),
        ("[[targets]]", sections.TargetOptions), ("[basins]", BasinsOptions),
        ("[basins.polygons]", PolygonsOptions), ("[basins.rasters.NAME]", Layer),
        ("[model]", sections.ModelOptions), ("[model.network]", ParameterNetwork),
        ("[model.components]", Components), ("[model.scheme]", Stepping),
        ("[model.routing] of rasters", River), ("[model.routing] of basins", UnitHydrograph),
        ("[training]", sections.TrainingOptions), ("[training.spinup]", SpinUp),
        ("[training.optimizer]", Optimizer), ("[training.batches]", Batches),
        ("[training.selection]", Validation), ("[training.checkpoints]", Checkpoints),
        ("[calibration]", SCEUA),
    ]  # fmt: skip
    left_out = {"[training.checkpoints]": ("folder", "resume"), "[model.network]": ("history",)}
    parts = [
        _INTRODUCTION.format(
            raster=_listed(load.SECTIONS), basins=_listed(load.BASIN_SECTIONS),
            configurations=_listed(presets.CONFIGURATIONS),
        )
    ]  # fmt: skip
    for name, kind in tables:
        parts.append(_section(name, kind, left_out.get(name, ())))
    return "\n".join(parts)


_INTRODUCTION = """# Domain files

A domain file (TOML) names the data, the model and the training. Paths in it start in the data
folder, `--data FOLDER` or the variable `GRIDHYDRO_DATA`. An unknown key is refused with the nearest
one that is known, a value of another type with what it should be. `gridhydro check FILE --data
FOLDER` reports everything at once.

Sections of a raster with rivers: {raster}.

Sections of lumped basins: {basins}.

Gauges come from one of `[[gauges]]`, `[gauge_table]` and `[grdc]`; weather from `[forcing]` or from
`[weather]`. A key whose value is a table may be a section of its own (`[model.network]`), inline
(`network = {{ kind = "lstm" }}`), or in short the value of its first key (`network = "lstm"`).
`configuration` sets what a paper has: {configurations}. What the file says is kept.

The domain files that come with gridhydro are the best examples, and [Templates](templates.md) has
one to copy.
"""


def _section(name: str, kind: type, left_out) -> str:
    """A heading, what the docstring says, and a table of the keys."""
    said, comments = entries(inspect.getdoc(kind) or ""), _comments(kind)
    keys = [f for f in dataclasses.fields(kind) if f.name not in left_out]
    named = {f.name for f in dataclasses.fields(kind)}
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key in keys:
        # what the comment says stands nearest to the key
        meaning = " ".join(filter(None, [said.get(key.name, ""), comments.get(key.name, "")]))
        cells = (f"`{key.name}`", _escaped(_type(key.type)), _default(key), _escaped(meaning))
        rows.append(f"| {' | '.join(cells)} |")
    about = _without_entries(inspect.getdoc(kind) or "", named)
    return f"## `{name.split(' of ')[0]}`{_of(name)}\n\n{about}\n\n" + "\n".join(rows) + "\n"


def _of(name: str) -> str:
    return f" of {name.split(' of ')[1]}" if " of " in name else ""


def _without_entries(text: str, names) -> str:
    """A docstring without its columns about some names, and without what python alone raises."""
    kept, inside = [], False
    for line in text.splitlines():
        entry = entries(line)
        if entry:
            inside = set(entry) <= set(names)
        elif line.strip() and not line.startswith(" "):
            inside = False
        if not inside:
            kept.append(line)
    paragraphs = as_markdown("\n".join(kept)).split("\n\n")
    return "\n\n".join(p for p in paragraphs if not re.match(r"(Raises )?ValueError", p)).strip()


def _comments(kind: type) -> dict[str, str]:
    """Key -> the comment behind it or above it, in the source of a dataclass."""
    found, above, last = {}, [], None
    for line in inspect.getsource(kind).splitlines():
        text = line.strip()
        if text.startswith("#"):
            above.append(text.lstrip("# "))
            continue
        key = re.match(r"    (\w+): .*", line)
        behind = re.search(r"  # (.*)$", line)
        if key:
            last = key[1]
            said = [*above, *([behind[1]] if behind else [])]
            if said:
                found[last] = " ".join(said)
        elif behind and last and line.startswith("    ") and ("]" in line or ")" in line):
            found[last] = behind[1]
        if text.startswith("def "):
            break
        above = []
    return found


def _type(annotation) -> str:
    """A type in the words of TOML."""
    words = {
        "str": "text", "int": "whole number", "float": "number", "bool": "true or false",
        "dict": "table", "None": "", "Path": "text", "object": "text", "xr.DataArray": "",
    }  # fmt: skip
    parts = []
    for part in str(annotation).split(" | "):
        inner = re.match(r"tuple\[(.*)\]", part)
        if inner:
            of = [one.strip() for one in inner[1].split(",")]
            plural = f"{words.get(of[0], of[0])}s"
            parts.append(
                f"list of {plural}" if of[-1] in ("...", "") else f"list of {len(of)} {plural}"
            )
        else:
            parts.append(words.get(part, "table" if part[:1].isupper() else part))
    return " or ".join(dict.fromkeys(filter(None, parts)))


def _default(key) -> str:
    missing = dataclasses.MISSING
    if key.default is missing and key.default_factory is missing:
        return "**needed**"
    value = key.default if key.default is not missing else key.default_factory()
    if value is None or value == () or value == {} or dataclasses.is_dataclass(value):
        return ""
    if type(value).__name__ == "Scheme":
        return f"`{value!s}`" if " " not in str(value) else '`"sequential"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(list(value))}`"
    return f"`{json.dumps(value)}`"


def _escaped(text: str) -> str:
    text = re.sub(r"\bNone\b", "left out", text).replace("False:", "false:")
    return text.replace("|", "\\|").replace("<", "&lt;")


def _listed(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


def commands() -> str:
    """The reference of the command line: the manual page of every command."""
    os.environ["COLUMNS"] = "96"  # the width that argparse lays out its options for
    from gridhydro.cli.program import parser

    whole = parser()
    parts = [
        "# Commands\n\nWhat `gridhydro COMMAND --help` prints. `python -m gridhydro` is the same "
        "command, which torchrun starts as `torchrun --nproc-per-node N -m gridhydro ...`.\n",
        f"```text\n{whole.format_help().strip()}\n```\n",
    ]
    for name, page in _choices(whole).items():
        parts.append(f"## gridhydro {name}\n\n```text\n{page.format_help().strip()}\n```\n")
        for inner, below in _choices(page).items():
            text = below.format_help().strip()
            parts.append(f"### gridhydro {name} {inner}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def _choices(parser) -> dict:
    """Name -> parser of the commands of a parser."""
    import argparse

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def python_names() -> str:
    """The reference of Python: all public names, by the room that they live in."""
    import gridhydro

    homes, modules = gridhydro._HOMES, gridhydro._MODULES
    parts = [
        "# Python\n\n`import gridhydro as gh` has all of these names; each is loaded when it is "
        "first used.\n"
    ]
    for heading in dict.fromkeys(_ROOMS.values()):
        parts.append(f"## {heading}\n")
        names = [n for n, home in homes.items() if _ROOMS[home.split(".")[0]] == heading]
        for name in sorted(names, key=str.lower):
            parts.append(_named(name, homes[name]))
    for name, home in modules.items():
        if name == "io":  # has a page of its own
            continue
        parts.append(f"## gridhydro.{name}\n")
        face = __import__(f"gridhydro.{home}", fromlist=["_"])
        own = getattr(face, "__all__", None) or [
            n for n, v in vars(face).items()
            if not n.startswith("_") and getattr(v, "__module__", "") == face.__name__
            and (inspect.isfunction(v) or inspect.isclass(v))
        ]  # fmt: skip
        for inner in own:
            value = getattr(face, inner)
            if inspect.ismodule(value):
                continue
            # under its name there: what is public may be called otherwise
            place = getattr(value, "__module__", face.__name__)
            parts.append(_named(getattr(value, "__qualname__", inner), place, f"{name}.{inner}"))
    return "\n".join(parts)


def _named(name: str, home: str, shown: str | None = None) -> str:
    """A public name for mkdocstrings, from the module that it is written in."""
    place = home if home.startswith("gridhydro.") else f"gridhydro.{home}"
    # the kernels are installed inside the package, and lie beside it here
    place = place.replace("gridhydro.kernels", "kernels")
    return f'::: {place}.{name}\n    options:\n      heading: "{shown or name}"\n'
