"""python -m benchmarks columns|routing|schemes|training|lumped|hybrid [--device ...] [--quick]"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

import torch

from benchmarks import report
from benchmarks.machine import copy_bandwidth, describe

HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> list[dict]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ("columns", "routing", "schemes", "training", "lumped", "hybrid")
    parser.add_argument("what", choices=names)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for the results")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: torch sees no CUDA device here")
    sys.stdout.reconfigure(line_buffering=True)

    began = time.monotonic()
    benchmark = import_module(f"benchmarks.{options.what}")
    bandwidth = copy_bandwidth(options.device)
    header = {"command": f"python -m benchmarks {' '.join(arguments or sys.argv[1:])}"}
    header |= describe(options.device)
    header["copy bandwidth"] = f"{bandwidth / 1e9:.1f} GB/s read and written"
    print("\n".join(f"{key}: {value}" for key, value in header.items()))
    rows = report.print_rows(benchmark.run(options.device, options.quick, bandwidth))
    header["took"] = f"{time.monotonic() - began:.0f} s"
    print(f"took: {header['took']}")

    options.out.mkdir(parents=True, exist_ok=True)
    stem = f"{options.what}_{options.device}{'_quick' * options.quick}"
    report.write_csv(options.out / f"{stem}.csv", rows, header)
    report.write_figure(
        options.out / f"{stem}.png", rows, header, "million cell-steps a second (log scale)"
    )
    print(f"written: {options.out / stem}.csv and .png")
    return rows


if __name__ == "__main__":
    main()
