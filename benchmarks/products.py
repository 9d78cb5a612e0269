"""The two kinds of matrix product of the kernels, packed tiles and SciPy's BLAS, at the shapes that training has.

    python benchmarks/products.py                 the three kinds of product, float32 and float64
    python benchmarks/products.py --all           and the others of training
    python benchmarks/products.py --json FILE     write the measurements as well

Four blocks of gates, as an LSTM has, so Z = 4 H columns; D = 32 channels. `rows` are the sequences of a minibatch in products
with R, which run once for each step, and the rows of a chunk of time in the others.

recurrent         h R,    (rows, H) (H, Z); R packed once for a whole pass
input             x W,    (rows, D) (D, Z); W packed once for a whole pass
weight gradient   h' dz,  (H, rows) (rows, Z) added to dR; dz packed each time
back              dz R',  (rows, Z) (Z, H); R' packed once for a whole pass
gradient of W     x' dz,  (D, rows) (rows, Z) added to dW; dz packed each time
gradient of x     dz W',  (rows, Z) (Z, D); W' packed once for a whole pass

One thread, on one CPU where the system can; tiles and BLAS take turns of 20 ms. A cell of the table holds GFLOP/s of tiles,
those of BLAS, and how long BLAS takes beside tiles: the median of the ratios within each round of turns.
"""

import argparse
import json
import os
from itertools import product
from operator import itemgetter
from pathlib import Path

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np

from sklstm._kernels import _product
from sklstm.network.workspace import aligned_empty

HIDDEN = 32, 64, 128, 256, 512
ROWS = 16, 32, 64, 128, 256, 512
CHANNELS = 32
# Name -> m, k, n of C (m, n) = op(A) (m, k) op(B) (k, n), given rows, H, Z and D; whether A and B are transposed.
KINDS = {
    "recurrent": (lambda rows, H, Z, D: (rows, H, Z), False, False),
    "input": (lambda rows, H, Z, D: (rows, D, Z), False, False),
    "weight gradient": (lambda rows, H, Z, D: (H, rows, Z), True, False),
    "back": (lambda rows, H, Z, D: (rows, Z, H), False, True),
    "gradient of W": (lambda rows, H, Z, D: (D, rows, Z), True, False),
    "gradient of x": (lambda rows, H, Z, D: (rows, Z, D), False, True),
}
SHOWN = "recurrent", "input", "weight gradient"
LIMIT = 1.03  # of the ratio: BLAS is then as fast as tiles
CALL_FLOPS = 4e6  # products per call from Python make up about so many, so that the call itself does not count


def contenders(kind, rows, H, dtype):
    """Functions that multiply by each kind of product, and the flops of a call."""
    shape, transpose_a, transpose_b = KINDS[kind]
    return multipliers(*shape(rows, H, 4 * H, CHANNELS), transpose_a, transpose_b, dtype)


def multipliers(m, k, n, transpose_a, transpose_b, dtype):
    """The same for C (m, n) = op(A) (m, k) op(B) (k, n)."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((k, m) if transpose_a else (m, k)).astype(dtype)
    B = rng.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
    C = aligned_empty((m, n), dtype)
    C[:] = 0
    buffer = aligned_empty((_product.packed_elements(k, n, C.itemsize),), dtype)
    flops = 2 * m * k * n
    n_times = max(1, int(CALL_FLOPS / flops))

    def by(products):
        return lambda: _product.multiply_by(products, A, B, C, buffer, transpose_a, transpose_b, n_times, transpose_a)

    if "tiles" in _product.KINDS:  # weights are packed once
        _product.multiply_by("tiles", A, B, C, buffer, transpose_a, transpose_b, 1, True)
    return {products: by(products) for products in _product.KINDS}, flops * n_times


def compare(kinds, seconds, repeats):
    """Print the table; returns the measurements, one dict for each kind, dtype, H and number of rows."""
    results, lines = [], [["product", "dtype, H", *(f"{rows} rows" for rows in ROWS)]]
    for kind, dtype, H in product(kinds, ("float32", "float64"), HIDDEN):
        cells = []
        for rows in ROWS:
            steps, flops = contenders(kind, rows, H, dtype)
            timed = take_turns(steps, seconds, repeats)
            rate = {name: 1e-9 * flops / timed["seconds"][name]["median"] for name in steps}
            ratio = timed["ratio"]["blas"]["median"]
            cells.append(f"{rate['tiles']:.0f} {rate['blas']:.0f} {ratio:.2f}")
            shape = {"product": kind, "dtype": dtype, "H": H, "rows": rows}
            results.append(shape | {"GFLOP/s": rate, "blas / tiles": ratio} | timed)
        lines.append([kind, f"{dtype} {H}", *cells])
    print(table(lines))
    slowest = [f"{result['blas / tiles']:.2f}" for result in sorted(results, key=itemgetter("blas / tiles"))[:3]]
    below = sum(result["blas / tiles"] < LIMIT for result in results)
    print(f"\nSmallest ratios: {', '.join(slowest)}; {below} of {len(results)} below {LIMIT}.")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="all products of training")
    parser.add_argument("--seconds", type=float, default=0.0, help="time for each cell of the table, at least")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of turns for each cell, at least")
    parser.add_argument("--json", help="file for the measurements")
    options = parser.parse_args()
    pin_to_one_cpu()
    results = compare(KINDS if options.all else SHOWN, options.seconds, options.repeats)
    facts = describe()
    print(f"\n{report(facts)}")
    if options.json:
        Path(options.json).write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
