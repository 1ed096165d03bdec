"""What every measurement of speed does around its own work: options, machine, table, figure."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from benchmarks import options
from benchmarks.machine import copy_bandwidth, describe
from benchmarks.speed import report


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="what to measure")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--out", type=Path, default=options.RESULTS, help="folder for the results")


def measurement(name: str, run: Callable[[str, bool, float], Iterable[dict]]) -> Callable:
    """The `main` of a measurement: (device, quick, bytes a second) -> rows, which it prints and
    writes as NAME_DEVICE.csv and .png."""

    def main(given: Namespace) -> list[dict]:
        if given.device == "cuda" and not torch.cuda.is_available():
            raise SystemExit("--device cuda: torch sees no CUDA device here")
        sys.stdout.reconfigure(line_buffering=True)
        began = time.monotonic()
        bandwidth = copy_bandwidth(given.device)
        header = {"command": given.command} | describe(given.device)
        header["copy bandwidth"] = f"{bandwidth / 1e9:.1f} GB/s read and written"
        print("\n".join(f"{key}: {value}" for key, value in header.items()))
        rows = report.print_rows(run(given.device, given.quick, bandwidth))
        header["took"] = f"{time.monotonic() - began:.0f} s"
        print(f"took: {header['took']}")

        given.out.mkdir(parents=True, exist_ok=True)
        stem = f"{name}_{given.device}{'_quick' * given.quick}"
        report.write_csv(given.out / f"{stem}.csv", rows, header)
        unit = "million cell-steps a second (log scale)"
        report.write_figure(given.out / f"{stem}.png", rows, header, unit)
        print(f"written: {given.out / stem}.csv and .png")
        return rows

    return main
