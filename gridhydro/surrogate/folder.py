"""A surrogate on disk: weights as safetensors, what they mean as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from gridhydro.base.damage import read_json, reading
from gridhydro.base.files import replace
from gridhydro.base.folders import place, together
from gridhydro.base.tensors import read_tensors, refuse_infinite, write_tensors
from gridhydro.columns.column import Field
from gridhydro.surrogate.emulator import Emulator

WEIGHTS, ABOUT = "surrogate.safetensors", "surrogate.json"
_MEND = "train the surrogate again, or copy the folder anew"


def save(surrogate, folder: str | Path) -> None:
    """Write it into a folder, which may be that of a run; both files change at once."""
    with together(folder) as part:
        _write(surrogate, part)


def _write(surrogate, folder: Path) -> None:
    net = surrogate.emulator
    content = {
        "forcings": [asdict(field) for field in surrogate.forcings],
        "parameters": [asdict(field) for field in surrogate.parameters],
        "fluxes": [asdict(field) for field in surrogate.fluxes],
        "label": surrogate.label,
        "hidden": net.head.in_features,
        "ranges": surrogate.ranges,
        "warmup": surrogate.warmup,
        "about": surrogate.about,
        "history": [row.dropna().to_dict() for _, row in surrogate.history.iterrows()],
        "digest": write_tensors(folder / WEIGHTS, net.state_dict()),
    }
    replace(folder / ABOUT, lambda path: path.write_text(json.dumps(content, indent=1)))


def read(folder: str | Path) -> dict:
    """The arguments of a Surrogate; FileNotFoundError where there is none."""
    folder = Path(folder)
    if not kept(folder):
        raise FileNotFoundError(f"{folder} holds no surrogate ({ABOUT} and {WEIGHTS})")
    about, weights = place(folder, ABOUT), place(folder, WEIGHTS)
    content = read_json(about, "what is told of a surrogate", _MEND)
    tensors = read_tensors(weights, _MEND, content.get("digest"))
    with reading(about, f"what is told of the surrogate in {weights}", _MEND):
        found = _made(content, tensors)
    refuse_infinite(weights, tensors, tensors, _MEND)
    return found


def _made(content: dict, tensors: dict) -> dict:
    """The arguments of a Surrogate from what is told of it and its weights."""
    forcings, parameters, outputs = (
        tuple(_field(f) for f in content[kind]) for kind in ("forcings", "parameters", "fluxes")
    )
    net = Emulator(forcings, parameters, outputs, content["hidden"])
    net.load_state_dict(tensors)
    more = {name: content[name] for name in ("ranges", "label", "warmup", "about")}
    history = pd.DataFrame(content["history"])
    return (
        dict(
            emulator=net, forcings=forcings, parameters=parameters, outputs=outputs, history=history
        )
        | more
    )


def kept(folder: Path) -> bool:
    """Whether a folder holds one."""
    return place(folder, ABOUT).exists() and place(folder, WEIGHTS).exists()


def _field(content: dict) -> Field:
    bounds = content["bounds"]
    return Field(**content | {"bounds": None if bounds is None else tuple(bounds)})
