"""All measurements and studies, by name: what `python -m benchmarks` lists, explains and runs.

A command is a module with `arguments(parser)`, which adds its options, and `main(options)`, which
runs it; its docstring is its help. Modules are imported when they are asked for, not to be listed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

# group -> command -> module below this package, and what it is in a line
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Measurements of speed": {
        "columns": ("speed.columns", "HBV over many cells and days, beside other codes"),
        "routing": ("speed.routing", "a year over the global half-degree network, beside others"),
        "schemes": ("speed.schemes", "HBV by every time-stepping scheme"),
        "training": ("speed.training", "a step of training: network, column, river, loss"),
        "step": ("speed.step", "that step on rasters, beside its columns alone"),
        "lumped": ("speed.lumped", "a step of training daily parameters of lumped basins"),
        "hybrid": ("speed.hybrid", "an iteration of the distributed hybrid at the Amazon's size"),
        "gpu-loops": ("speed.gpu_loops", "instructions of the GPU's loops, without a GPU"),
        "sceua": ("speed.sceua", "calibration of many basins at once beside spotpy's SCE-UA"),
        "gpu": ("gpu.command", "checks, tests and all measurements of a GPU in eight minutes"),
        "globe": ("scale.globe", "a year of all land at 0.1 degrees, and cost by cells and days"),
        "globe-training": ("scale.learning", "the globe at half a degree, trained in minibatches"),
        "many-basins": ("scale.basins", "minibatches of 16,000 basins over 46 years, from disk"),
        "camels-hydrodl2": ("studies.camels.hydrodl2", "a training by our kernels and by hydrodl2"),
    },
    "Studies with real data": {
        "camels": ("studies.camels.study", "the HBV family on 400 basins of CAMELS-US"),
        "structures": ("studies.structures.study", "columns compared on those basins"),
        "camels-storage": ("studies.camels_storage.study", "discharge and GRACE together there"),
        "camels-balances": ("studies.camels_storage.balances", "balances of the two in the loss"),
        "pub-scaling": (
            "studies.pub_scaling.study",
            "ungauged basins, trained on 2 to 90 %",
        ),
        "moselle": ("studies.moselle.study", "HydroPy's column beside HBV on the upper Moselle"),
        "amazon-tiles": ("studies.amazon_tiles.page", "GRACE on the tiles of the Amazon, a page"),
    },
    "Synthetic experiments": {
        "amazon-synthetic": (
            "studies.amazon_synthetic.study",
            "five configurations of the hybrid on a generated Amazon",
        ),
        "soil-moisture": (
            "studies.soil_moisture.study",
            "networks beside calibration of each cell on a generated region",
        ),
        "surrogate-hbv": ("studies.surrogate.hbv", "HBV learned through a surrogate of it"),
        "surrogate-vic": ("studies.surrogate.vic", "VIC-3L learned through a surrogate of it"),
    },
    "Pages of results": {
        "camels-page": ("studies.camels.page", "of camels"),
        "structures-page": ("studies.structures.page", "of structures"),
        "camels-storage-page": ("studies.camels_storage.page", "of camels-storage"),
        "camels-balances-page": ("studies.camels_storage.balances_page", "of camels-balances"),
        "pub-scaling-page": ("studies.pub_scaling.page", "of pub-scaling"),
        "moselle-page": ("studies.moselle.page", "of moselle"),
        "amazon-synthetic-page": ("studies.amazon_synthetic.page", "of amazon-synthetic"),
        "soil-moisture-page": ("studies.soil_moisture.page", "of soil-moisture"),
        "surrogate-page": ("studies.surrogate.page", "of surrogate-hbv and surrogate-vic"),
    },
}
USAGE = """python -m benchmarks                     names all measurements, studies and pages
python -m benchmarks NAME --help         explains one
python -m benchmarks NAME [options]      runs it"""


def main(arguments: Sequence[str]):
    """Run a command, or list them all; returns what the command returns."""
    if not arguments or arguments[0] in ("-h", "--help"):
        return print(listing())
    name, *rest = arguments
    options = parser(name).parse_args(rest)
    options.command = " ".join(["python -m benchmarks", *arguments])
    return module_of(name).main(options)


def names() -> list[str]:
    return [name for group in COMMANDS.values() for name in group]


def listing() -> str:
    """Every command with a line, by group."""
    width = max(map(len, names()))
    parts = [USAGE]
    for title, group in COMMANDS.items():
        lines = [f"  {name:{width}}  {line}" for name, (_, line) in group.items()]
        parts.append("\n".join([f"{title}:", *lines]))
    return "\n\n".join(parts)


def module_of(name: str):
    """The module of a command; SystemExit naming the likeliest one where there is no such."""
    for group in COMMANDS.values():
        if name in group:
            return import_module(f"benchmarks.{group[name][0]}")
    near = get_close_matches(name, names(), 1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise SystemExit(f"there is no command '{name}'{hint}\n`python -m benchmarks` names them all")


def parser(name: str) -> argparse.ArgumentParser:
    """The options of a command, with its docstring as help."""
    module = module_of(name)
    found = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}", description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    module.arguments(found)
    return found
