"""Growth of the time of a training step: linear in T and B, and quadratic in H.

    python benchmarks/scaling.py

A row of the table is a family of shapes, in which T, B or H grows and the others are fixed. With H, the number of channels
grows as H / 4, so that the work is proportional to H^2. The shapes of a family take turns on one thread and, where the system
allows it, on one CPU. A cell is the time per sequence and step (for H also per unit squared), divided by that of the largest
shape. It is the median of the ratios within each round, and 1 where the growth is linear. Families start where a minibatch no
longer fits into the second-level cache. Below that size a step is faster than proportional or, where the products have too
few rows for their tiles, slower.
"""

import argparse
import json
import os
from pathlib import Path

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
from train_step import Problem, Sklstm

from sklstm.parallel import single_threaded_blas

# Name -> (shapes (B, T, D, H), work of one)
FAMILIES = {
    "T 100 to 1600; B 32, H 64": ([(32, T, 16, 64) for T in (100, 200, 400, 800, 1600)], lambda B, T, D, H: T),
    "T 50 to 400; B 32, H 256": ([(32, T, 64, 256) for T in (50, 100, 200, 400)], lambda B, T, D, H: T),
    "B 32 to 512; T 100, H 64": ([(B, 100, 16, 64) for B in (32, 64, 128, 256, 512)], lambda B, T, D, H: B),
    "B 32 to 256; T 50, H 256": ([(B, 50, 64, 256) for B in (32, 64, 128, 256)], lambda B, T, D, H: B),
    "H 128 to 1024; B 64, T 50": ([(64, 50, H // 4, H) for H in (128, 256, 512, 1024)], lambda B, T, D, H: H * H),
}


def measure(family, seconds, repeats):
    """Dict of shape to its time per work, divided by that of the largest shape, with the timings."""
    shapes, work = FAMILIES[family]
    *smaller, largest = shapes
    steps = {str(shape): Sklstm(Problem.draw(shape, False, np.float32, "lstm")).step for shape in (largest, *smaller)}
    turns = take_turns(steps, seconds, repeats)
    turns["per work"] = {
        str(shape): turns["ratio"][str(shape)]["median"] * work(*largest) / work(*shape) for shape in shapes
    }
    return turns


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8, help="time per family (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="minimum number of rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    options = parser.parse_args()
    pin_to_one_cpu()
    with single_threaded_blas():
        results = {family: measure(family, options.seconds, options.repeats) for family in FAMILIES}
        facts = describe()
    rows = [["what grows", "time per work, over that of the largest"]]
    rows += [[family, "  ".join(f"{ratio:.2f}" for ratio in result["per work"].values())] for family, result in results.items()]
    share = min(result["share of the CPU"] for result in results.values())
    print(f"{table(rows)}\n\nlstm, float32, one thread; this process had at least {100 * share:.0f} % of its CPU.")
    print(f"\n{report(facts)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
