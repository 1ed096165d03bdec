"""Declaration of a command: a manual page, its arguments, and the function that does it.

Nothing here or in the modules of commands imports torch, xarray or the rooms at the top of a file:
help and errors of the command line are told at once. A command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

from gridhydro.config.find import DATA, packaged

Run = Callable[[argparse.Namespace], int | None]
QUIET = "print nothing but warnings and errors"


class Parser(argparse.ArgumentParser):
    """A parser that prints its texts as they are written."""

    def __init__(self, **options):
        kept = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=kept, allow_abbrev=False, **options)


def page(
    commands, name: str, summary: str, text: str, examples: str, run: Run | None = None
) -> Parser:
    """A command among `commands`, with its manual page.

    summary   one line, for the list of commands
    text      what it does, needs and writes
    examples  command lines
    """
    description = f"{summary[0].upper()}{summary[1:]}.\n\n{text.strip()}"
    epilog = f"examples:\n{indent(examples.strip(), '  ')}"
    parser = commands.add_parser(name, description=description, epilog=epilog)
    parser.set_defaults(summary=summary)
    parser.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help=QUIET)
    if run is not None:
        parser.set_defaults(run=run)
    return parser


def listing(commands) -> str:
    """A line for each command, with its summary."""
    pages = commands.choices.items()
    return "\n".join(f"  {name:<16}{page.get_default('summary')}" for name, page in pages)


def takes_domain(parser: Parser) -> None:
    """The domain file and the data folder."""
    known = ", ".join(packaged())
    parser.add_argument(
        "domain", metavar="DOMAIN",
        help=f"a domain file, or the name of one that comes with gridhydro: {known}",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER",
        help=f"the folder in which the paths of the domain file start; {DATA} if left out",
    )  # fmt: skip


def takes_run(parser: Parser) -> None:
    """The folder of a run and, where the data moved, their folder."""
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="folder written by train or calibrate"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER",
        help="the data folder; the one that the run was trained on if left out",
    )  # fmt: skip


def takes_period(parser: Parser, otherwise: str) -> None:
    """The option of a period to evaluate or simulate."""
    parser.add_argument(
        "--period", nargs=2, metavar=("FIRST", "LAST"),
        help=f"first and last day, month or year, such as 1993 1993; {otherwise} if left out",
    )  # fmt: skip


def takes_device(parser: Parser) -> None:
    """The option of the device."""
    parser.add_argument(
        "--device", help="cpu, cuda or cuda:1; cuda if left out and there is such a device"
    )


def takes_forcing(parser: Parser, otherwise: str = "") -> None:
    """The options of other weather than that of the training."""
    parser.add_argument(
        "--forcing", required=not otherwise, metavar="FILE",
        help="daily weather: a NetCDF file, a Zarr store or the address of one, with series by any "
        f"of their usual names, on any grid{'; ' if otherwise else ''}{otherwise}",
    )  # fmt: skip
    parser.add_argument(
        "--pet", metavar="METHOD",
        help="how potential evapotranspiration is computed from the weather, or given; as in the "
        "training if left out",
    )  # fmt: skip
