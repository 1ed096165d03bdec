"""The command line as a whole: all commands, the version, and how errors are told."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout

from gridhydro import __version__
from gridhydro.base.damage import memory_lacks, reason
from gridhydro.base.interrupt import Terminated
from gridhydro.base.progress import quiet, say
from gridhydro.base.words import Advice
from gridhydro.cli import (
    fitting,
    folds,
    forecasts,
    gradients,
    inspection,
    polygons,
    recipes,
    runs,
    worlds,
)
from gridhydro.cli.manual import QUIET, Parser, listing

_ABOUT = """
gridhydro fits hydrological models, on rasters with rivers or on lumped basins,
to observed discharge, water storage and other data: by training networks
through the model's gradients, or by calibration. It simulates with what it has
found, scores it and draws its maps.

A domain file (TOML) names the data, the model and the training; the paths in it
start in a data folder, given by --data or by the variable GRIDHYDRO_DATA. What
is found is written to the folder of a run, which the later commands read.
"""
_EXAMPLES = """
commands (gridhydro COMMAND --help is the manual page of each):
{commands}

examples:
  gridhydro demo                            a minute, without any data
  gridhydro check moselle --data FOLDER     what a domain file and its data hold
  gridhydro train moselle --data FOLDER --out run
  gridhydro evaluate run --period 1993 1993
  gridhydro train --help                    the manual page of a command

exit status: 0 done, 1 an error of the input, 2 an error of the command line,
130 interrupted, 141 nobody reads the output any more, 143 terminated
"""

# the commands that processes of torchrun share; of the others the first does all
_SHARED = ("train", "cross-validate", "reproduce", "evaluate", "run", "export")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors of the user's input are printed in one line, without a traceback.

    Returns the exit status: 0, 1 for an error, 130 for an interrupt, 141 where nobody reads the
    output any more, 143 for SIGTERM. Errors of the command line itself leave with 2, as is usual.
    """
    options = parser().parse_args(arguments)
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ
    try:
        shared = options.command in _SHARED or not several
        with _plain_warnings(), _silent() if options.quiet else nullcontext():
            code = options.run(options) if shared else _by_one(options)
        sys.stdout.flush()  # a few lines wait until here, and so does the error that nobody reads
    except KeyboardInterrupt as error:
        kept = getattr(options, "goes_on", "")
        if "resume" in vars(options):
            kept = "; the same command with --resume goes on"
        ended = isinstance(error, Terminated)
        print(f"{'terminated' if ended else 'interrupted'}{kept}", file=sys.stderr)
        return 143 if ended else 130
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if options.debug:
            raise
        print(f"gridhydro {options.command}: {_sentence(error)}", file=sys.stderr)
        return 1
    return code or 0


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Within it warnings about the input are lines without the place in the code."""
    given = warnings.formatwarning

    def plain(message, category, *where, **more) -> str:
        if issubclass(category, UserWarning):
            told = message.on_the_command_line if isinstance(message, Advice) else message
            return f"warning: {told}\n"
        return given(message, category, *where, **more)

    warnings.formatwarning = plain
    try:
        yield
    finally:
        warnings.formatwarning = given


@contextmanager
def _silent() -> Iterator[None]:
    """Within it there is nothing to be read but warnings and errors."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), quiet():
        yield


def _by_one(options: argparse.Namespace) -> int | None:
    """The command, of several processes that torchrun started, in the first alone."""
    if int(os.environ["RANK"]):
        return 0
    say(f"gridhydro {options.command} is done by the first process alone")

    from gridhydro.base import ranks

    with ranks.alone():
        return options.run(options)


def _sentence(error: Exception) -> str:
    """What went wrong, in words; of an error that nobody thought of, its kind as well."""
    if memory_lacks(error):
        return (
            f"there is not enough memory ({error}): take a smaller domain, a shorter period, "
            "minibatches or --cache (documentation: When it does not fit), or a machine with more"
        )
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return f"{error.filename}: {reason(error)}"
    if isinstance(error, ValueError | OSError | ArithmeticError | TypeError):
        return str(error)
    return f"{type(error).__name__}: {error}. This should not be: --debug shows where it comes from"


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    whole = Parser(prog="gridhydro", description=_ABOUT.strip())
    version = f"gridhydro {__version__}"
    whole.add_argument("--version", action="version", version=version, help="print the version")
    whole.add_argument(
        "--debug", action="store_true", help="with an error, show where it comes from"
    )
    whole.add_argument("--quiet", action="store_true", help=QUIET)
    commands = whole.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Parser,
        help=argparse.SUPPRESS,
    )  # fmt: skip
    worlds.add_demo(commands)
    polygons.add_basins(commands)
    inspection.add_check(commands)
    fitting.add_train(commands)
    folds.add_cross_validate(commands)
    folds.add_compare(commands)
    fitting.add_calibrate(commands)
    recipes.add_reproduce(commands)
    runs.add_evaluate(commands)
    runs.add_run(commands)
    forecasts.add_forecast(commands)
    gradients.add_assimilate(commands)
    forecasts.add_predict(commands)
    runs.add_export(commands)
    runs.add_report(commands)
    runs.add_analyse(commands)
    gradients.add_sensitivity(commands)
    worlds.add_synthetic(commands)
    inspection.add_columns(commands)
    inspection.add_kernels(commands)
    inspection.add_info(commands)
    whole.usage = "gridhydro [--help] [--version] [--debug] [--quiet] COMMAND ..."
    whole.epilog = _EXAMPLES.strip().format(commands=listing(commands))
    return whole
