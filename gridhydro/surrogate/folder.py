"""A surrogate on disk: weights as safetensors, what they mean as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from safetensors.torch import load_file, save_file

from gridhydro.base.files import replace
from gridhydro.columns.column import Field
from gridhydro.surrogate.emulator import Emulator

WEIGHTS, ABOUT = "surrogate.safetensors", "surrogate.json"


def save(surrogate, folder: str | Path) -> None:
    """Write it into a folder, which may be that of a run."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    net = surrogate.emulator
    tensors = {k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}
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
    }
    replace(folder / WEIGHTS, lambda path: save_file(tensors, path))
    replace(folder / ABOUT, lambda path: path.write_text(json.dumps(content, indent=1)))


def read(folder: str | Path) -> dict:
    """The arguments of a Surrogate; FileNotFoundError where there is none."""
    folder = Path(folder)
    if not kept(folder):
        raise FileNotFoundError(f"{folder} holds no surrogate ({ABOUT} and {WEIGHTS})")
    content = json.loads((folder / ABOUT).read_text())
    forcings, parameters, outputs = (
        tuple(_field(f) for f in content[kind]) for kind in ("forcings", "parameters", "fluxes")
    )
    net = Emulator(forcings, parameters, outputs, content["hidden"])
    net.load_state_dict(load_file(folder / WEIGHTS))
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
    return (folder / ABOUT).exists() and (folder / WEIGHTS).exists()


def _field(content: dict) -> Field:
    bounds = content["bounds"]
    return Field(**content | {"bounds": None if bounds is None else tuple(bounds)})
