"""All that there is to know of a GPU: kernels checked, tests run, everything measured.

In about eight minutes, part by part, the most important first. Each part is written as soon as it
is there; what is done in --out is not done again, so that the command goes on where it was cut.
Needs torch, triton, numpy, numba, pandas and xarray. Without a GPU the same runs in miniature in
Triton's interpreter, which shows that it works, and measures nothing.

    python -m benchmarks gpu --out FOLDER
    python -m benchmarks gpu --out FOLDER --only sweep --minutes 20
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import torch

from benchmarks import options
from benchmarks.gpu.results import DONE, FILE, MINIATURE, Results
from benchmarks.machine import describe

LOG = "run.log"
# seconds that a part may take to stop by itself, before its process is ended
GRACE = 5


def arguments(parser: ArgumentParser) -> None:
    options.out(parser)
    minutes = "for all parts that are not done, %(default)g by default"
    parser.add_argument("--minutes", type=float, default=8, help=minutes)
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="these parts alone")
    parser.add_argument(
        "--here", action="store_true",
        help="parts in this process, as always in miniature, not each in its own",
    )  # fmt: skip


def main(given: Namespace) -> dict:
    """Run what is not done yet, and write the page; returns the results.

    SystemExit with 1 where a kernel is wrong or a part failed.
    """
    small = not torch.cuda.is_available()
    if small:
        # read when triton is first imported: before any of the kernels is
        os.environ["TRITON_INTERPRET"] = "1"
    from benchmarks.gpu import page, parts

    for name in given.only:
        if name not in (known := [one.name for one in parts.PARTS]):
            raise SystemExit(f"there is no part '{name}'; there is {', '.join(known)}")
    given.out = given.out.resolve()
    results = Results(given.out)
    results.begin(machine(small), None if given.here else given.command)
    due = [one for one in parts.PARTS if not given.only or one.name in given.only]
    due = [one for one in due if results.state(one.name) not in DONE]
    # what time was too short for has its turn when all others had theirs
    due.sort(key=lambda one: results.state(one.name) == "cut")
    scale = 60 * given.minutes / max(1, sum(one.seconds for one in due))
    ends, spare = time.monotonic() + 60 * given.minutes, 0.0
    for part in due:
        limit = min(part.seconds * scale + spare, ends - time.monotonic())
        if limit <= 0:
            print("no time is left: the same command goes on from here", flush=True)
            break
        began = time.monotonic()
        print(f"{part.name}: {part.line}", flush=True)
        if small or given.here:
            here(part, small, given.out, limit)
        else:
            apart(part, given, limit)
        spare = limit - (time.monotonic() - began)
        page.write(given.out)
    page.write(given.out)
    print(f"written: {given.out / page.FILE}, {FILE}")
    found = results.read()
    if wrong := page.wrong(found):
        raise SystemExit(f"{len(wrong)} things went wrong: " + "; ".join(wrong))
    return found


def machine(small: bool) -> dict[str, str]:
    """What the results belong to."""
    found = describe("cpu" if small else "cuda")
    if small:
        return found | {"gpu": MINIATURE}
    from benchmarks.gpu.limits import card

    return found | card()


def here(part, small: bool, folder: Path, limit: float) -> None:
    """Run a part in this process: its rows are written one by one."""
    from benchmarks.gpu.place import Place

    results, began, rows = Results(folder), time.monotonic(), []
    if small and part.cuda:
        results.put(part.name, state="not here", seconds=0.0, rows=[dict(note="needs CUDA")])
        return
    state, error = "done", ""
    results.put(part.name, state="running", seconds=0.0, rows=rows)
    try:
        for row in part.run(Place(small, folder)):
            rows.append(row)
            print("  " + ", ".join(f"{k} {_short(v)}" for k, v in row.items()), flush=True)
            seconds = time.monotonic() - began
            results.put(part.name, state="running", seconds=seconds, rows=rows)
            if seconds > limit:
                state, error = "cut", f"took longer than its {limit:.0f} s"
                break
    except (Exception, SystemExit) as failure:
        state, error = "failed", f"{type(failure).__name__}: {failure}"
    seconds = time.monotonic() - began
    results.put(part.name, state=state, seconds=seconds, rows=rows, error=error)
    print(f"  {state} in {seconds:.1f} s {error}", flush=True)


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def apart(part, given: Namespace, limit: float) -> None:
    """Run a part in a process of its own: one that breaks the device's context, or hangs, takes no
    other with it."""
    command = [sys.executable, "-m", "benchmarks", "gpu", "--out", str(given.out)]
    command += ["--minutes", f"{limit / 60:.4f}", "--only", part.name, "--here"]
    with open(given.out / LOG, "a") as log:
        child = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        try:
            child.wait(limit + GRACE)
        except BaseException as why:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if not isinstance(why, subprocess.TimeoutExpired):
                raise
            results = Results(given.out)
            results.mark(part.name, state="cut", error=f"took longer than its {limit:.0f} s")
    results = Results(given.out)
    if results.state(part.name) in ("", "running"):
        why = f"its process ended with {child.returncode}, see {LOG}"
        results.mark(part.name, state="failed", error=why)
    print(f"  {results.state(part.name)}", flush=True)
