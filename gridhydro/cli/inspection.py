"""Commands that inspect: a domain file, column models and their kernels, the machine."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.manual import page, takes_domain
from gridhydro.config.find import data_folder, find

_CHECK = """
Takes a domain file and its data through all that train does before its first
step, and tells what train would refuse, of all sections at once, and what
deserves a look: keys, periods and splits, faults of the flow directions, gauges
whose upstream area is not the reported one, days or cells without forcing or
with implausible values of it, discharge far beyond or below the precipitation
of its basin. Of a file with [calibration] what calibrate would refuse as well.
Run it before train.

Needs a domain file and the data folder in which its paths start.

Writes nothing; prints the report. The exit status is 1 where there are errors.
"""
_CHECK_EXAMPLES = """
gridhydro check moselle --data FOLDER
gridhydro check my_basin.toml --data FOLDER --out run
"""
_COLUMNS = """
Lists the column models, a line each: name, stores, parameters, source. With the
name of one: what it is, its forcings, parameters with units and ranges,
properties, stores and fluxes, and which of them close its water balance. The
name is what [model] column takes in a domain file.

Needs no data.

Writes nothing; prints the list.
"""
_COLUMNS_EXAMPLES = """
gridhydro columns
gridhydro columns gr6j
"""
_KERNELS = """
Prints the source code of the kernel that is compiled from a column model: the
daily step of the column inside a loop over days and cells, or its adjoint.

Needs no data and no GPU.

Writes nothing; prints the code.
"""
_KERNELS_EXAMPLES = """
gridhydro kernels show hbv
gridhydro kernels show hbv --target triton --pass adjoint
gridhydro kernels show hbv_improved --target numba --scheme implicit
gridhydro kernels show linear_cascade --target numba
"""
_INFO = """
Prints the versions of gridhydro and of what it stands on, the CPU and GPUs, the
column models, and the folder that keeps compiled kernels. Put it into a report
of an error.
"""


def add_check(commands) -> None:
    """`gridhydro check`."""
    summary = "read a domain file and its data, and say what train refuses"
    parser = page(commands, "check", summary, _CHECK, _CHECK_EXAMPLES, _check)
    takes_domain(parser)
    parser.add_argument(
        "--out", type=Path, metavar="RUN", help="a folder that train is to write to: look at it too"
    )


def add_columns(commands) -> None:
    """`gridhydro columns`."""
    summary = "list the column models: stores, parameters, ranges, sources"
    parser = page(commands, "columns", summary, _COLUMNS, _COLUMNS_EXAMPLES, _columns)
    parser.add_argument(
        "column", nargs="?", metavar="COLUMN", help="name of a column model; all if left out"
    )


def add_kernels(commands) -> None:
    """`gridhydro kernels`."""
    parser = page(
        commands, "kernels", "print the compiled code of a column model or a river reach",
        _KERNELS, _KERNELS_EXAMPLES, _kernels,
    )  # fmt: skip
    parser.add_argument("action", choices=["show"], help="print the code")
    parser.add_argument(
        "column", metavar="COLUMN", help="name of the column model, such as hbv, or of the reach"
    )
    parser.add_argument(
        "--target", choices=["triton", "numba"], default="triton",
        help="code for GPUs (triton, the default) or for CPUs (numba)",
    )  # fmt: skip
    parser.add_argument(
        "--pass", dest="direction", choices=["forward", "adjoint"], default="forward",
        help="the simulation (forward, the default) or its gradients (adjoint)",
    )  # fmt: skip
    parser.add_argument(
        "--outputs", nargs="+", metavar="NAME",
        help="fluxes and states that the kernel writes; the runoff if left out",
    )  # fmt: skip
    parser.add_argument(
        "--dynamic", nargs="*", default=[], metavar="NAME", help="parameters that change by day"
    )
    parser.add_argument(
        "--components", type=int, default=1, metavar="N",
        help="parallel parameter sets in each cell; 1 if left out",
    )  # fmt: skip
    parser.add_argument(
        "--scheme", default="sequential",
        help="time stepping within the day: sequential (the default), implicit, explicit, rk4, "
        "with sub-steps as in explicit:24",
    )  # fmt: skip
    parser.add_argument(
        "--dtype", choices=["float32", "float64"], default="float32", help="float32 if left out"
    )


def add_info(commands) -> None:
    """`gridhydro info`."""
    summary = "versions, devices and backends on this machine"
    page(commands, "info", summary, _INFO, "gridhydro info", _info)


def _check(options: Namespace) -> int:
    source, data = find(options.domain), data_folder(options.data)

    from gridhydro.config.check_domain import check_domain

    setup, found = check_domain(source, data, options.out)
    if setup is not None:
        print(setup.domain)
    print(found)
    if found.good:
        print("train refuses nothing of it")
    if setup is not None and setup.storage is not None:
        print(setup.storage)
    return 0 if found.good else 1


def _columns(options: Namespace) -> None:
    from gridhydro.cli.column_texts import all_columns, one_column

    print(all_columns() if options.column is None else one_column(options.column))


def _info(options: Namespace) -> None:
    from gridhydro.cli.info import info

    print(info())


def _kernels(options: Namespace) -> None:
    from gridhydro.reaches import REACHES

    if options.column in REACHES:
        return _kernels_of_reach(REACHES[options.column], options)
    from gridhydro.columns import column
    from gridhydro.kernels import Scheme, emit_numba, emit_triton
    from gridhydro.model.simulate import spec_of

    chosen = column(options.column)
    outputs = tuple(options.outputs or [chosen.runoff])
    for name in outputs:
        chosen.output(name)
    known = [f.name for f in chosen.parameters]
    unknown = [name for name in options.dynamic if name not in known]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no parameter of {chosen.name}: {', '.join(known)}")
    dynamic = tuple(options.dynamic)
    scheme = Scheme.of(options.scheme)
    dtype = options.dtype
    spec = spec_of(chosen, outputs, dynamic, options.components, True, dtype, scheme=scheme)
    emitter = {"numba": emit_numba, "triton": emit_triton}[options.target]
    print(getattr(emitter, options.direction)(spec), end="")


def _kernels_of_reach(reach, options: Namespace) -> None:
    from gridhydro.kernels import emit_reach_numba, emit_reach_triton
    from gridhydro.kernels.reach_spec import reach_spec

    usual: dict[str, object] = dict(outputs=None, dynamic=[], components=1, scheme="sequential")
    for name, value in usual.items():
        if getattr(options, name) != value:
            raise ValueError(
                f"'{reach.name}' is a river reach, which has no --{name}: leave it out"
            )
    emitter = {"numba": emit_reach_numba, "triton": emit_reach_triton}[options.target]
    print(getattr(emitter, options.direction)(reach_spec(reach, 4, options.dtype)), end="")
