"""Options that several commands have, each said in one place."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def data(parser: ArgumentParser) -> None:
    given = os.environ.get("GRIDHYDRO_DATA")
    parser.add_argument(
        "--data", type=Path, default=given and Path(given), required=given is None,
        help="folder of the data sets (or the variable GRIDHYDRO_DATA)",
    )  # fmt: skip


def out(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, required=True,
        help="folder for the runs; what is finished there is not done again",
    )  # fmt: skip


def seeds(parser: ArgumentParser, *default: int) -> None:
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=list(default), metavar="SEED",
        help="of the weights that networks start with, and of all else that is drawn",
    )  # fmt: skip


def epochs(parser: ArgumentParser, default: int | None = None) -> None:
    text = "epochs, %(default)s by default" if default else "epochs instead of the study's own"
    parser.add_argument("--epochs", type=int, default=default, help=text)
