"""Time of one training step of a recurrent classifier: sklstm compared with PyTorch and JAX.

    python benchmarks/train_step.py                 LSTM
    python benchmarks/train_step.py --cell gru      another cell that the other packages have, see PEERS
    python benchmarks/train_step.py --cells-table   every cell of sklstm compared with its LSTM, without other packages
    python benchmarks/train_step.py --grid          hidden 8 to 512, batch 1 to 256, 20 to 1000 steps: half an hour

A step consists of forward, backward of the mean log-loss over 10 classes, clipping of the gradient's norm at 1, and an Adam
update. The contenders take turns in one process, on one thread and, where the system allows it, on one CPU. Times are medians
over the turns. A ratio is the median of the ratios within each round, so that other load on the machine affects all
contenders. Before the timing, loss and gradient on the same weights must agree. "Fastest peer" is the smallest ratio of a
row; the smallest of all are named below the table.

sklstm        The work of `train` per minibatch, packing from `Sequences` included; one minibatch, repeated.
torch         nn.LSTM, nn.GRU or nn.RNN, a linear head, torch.optim.Adam and clip_grad_norm_ with their defaults. A dense
              batch is one tensor made before the timing. Ragged: pad_sequence within the step, then h at each sequence's end.
torch packed  The same with pack_sequence(enforce_sorted=False) within the step.
JAX           jit of lax.scan, Adam and clipping by hand, donated buffers. x W stays in the scan, because hoisting it took up to
              twice as long. Dense only: padding and a mask would be different work.

The grid excludes steps of more than GRID_FLOPS, ragged batches of a single sequence, which are dense, and torch packed where
one of its steps would take many seconds (see GRID_PACKED).

Lengths of a ragged batch are uniform from T/4 to T. GFLOP/s counts three products with R and two with W, for an LSTM 8 H (3 H
+ 2 D) per row. "% of gemm" is that speed as a share of that of a large product by SciPy's BLAS, which takes turns like a
contender.
"""
import argparse
import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import compress, product
from pathlib import Path

from machine import ONE_THREAD, describe, large_product, pin_to_one_cpu, report, table, take_turns
from pictures import draw

os.environ.update(ONE_THREAD)

import numpy as np

from sklstm import Sequences
from sklstm.network import LOSSES, Network
from sklstm.network.cells import CELLS
from sklstm.parallel import Threads, single_threaded_blas
from sklstm.training import Adam, Data
from sklstm.training.gradient import GradientComputer

SHAPES = (
    (32, 20, 8, 8),
    (32, 20, 8, 16),
    (32, 50, 8, 32),
    (32, 100, 16, 64),
    (32, 100, 32, 128),
    (64, 100, 64, 256),
    (64, 50, 128, 512),
)
GRID = {"H": (8, 16, 32, 64, 128, 256, 512), "B": (1, 32, 256), "T": (20, 100, 1000)}
GRID_FLOPS = 6e10  # of an LSTM's dense step, at most: half a second at 120 GFLOP/s
# In the grid, "torch packed" only up to so many B T T H: its backward pass fills zeros for all steps at every step.
GRID_PACKED = 1.5e9
N_CLASSES = 10
LEARNING_RATE, BETA_1, BETA_2, EPSILON, MAX_GRAD_NORM = 1e-3, 0.9, 0.999, 1e-8, 1.0
# Largest relative difference from sklstm on the same weights, of the loss and of dW (norm of the difference over norm).
# In float32 2e-7 and 7e-7 were measured at most; another order of gates, activation or reduction would show.
LOSS_TOLERANCE, DW_TOLERANCE = 1e-5, 1e-4


# A step of each cell for JAX: `np` is jax.numpy, state a tuple with h first, p the weights as in `Problem.weights`.
def lstm_step(np, sigmoid, p, state, x):
    h, c = state
    i, f, g, o = np.split(x @ p["W"] + h @ p["R"] + p["b"], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(np, sigmoid, p, state, x):
    (h,) = state
    b, b_m = np.split(p["b"], [3 * h.shape[1]])
    x_r, x_z, x_n = np.split(x @ p["W"] + b, 3, axis=1)
    h_r, h_z, h_n = np.split(h @ p["R"], 3, axis=1)
    z = sigmoid(x_z + h_z)
    n = np.tanh(x_n + sigmoid(x_r + h_r) * (h_n + b_m))
    return ((1 - z) * n + z * h,)


def rnn_step(np, sigmoid, p, state, x):
    (h,) = state
    return (np.tanh(x @ p["W"] + h @ p["R"] + p["b"]),)


@dataclass(frozen=True)
class Peer:
    """Functions of a cell for torch and JAX."""

    module: str  # of torch.nn
    split_bias: Callable  # b (n_bias H,) -> bias_ih, bias_hh of that module
    step: Callable  # of a scan


PEERS = {
    "lstm": Peer("LSTM", lambda b, H: (b, 0 * b), lstm_step),
    "gru": Peer("GRU", lambda b, H: (b[: 3 * H], np.concatenate([0 * b[: 2 * H], b[3 * H :]])), gru_step),
    "rnn": Peer("RNN", lambda b, H: (b, 0 * b), rnn_step),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """Minibatch and network, the same for every contender."""

    shape: tuple  # (B, T, D, H): sequences, steps of the longest, channels, units
    ragged: bool
    sequences: list  # of B arrays (n_steps, D)
    targets: np.ndarray  # (B,), class indices
    network: Network
    theta: np.ndarray  # (n_params,), initial weights

    @classmethod
    def draw(cls, shape, ragged, dtype, cell):
        """Random sequences, classes and weights from a fixed seed."""
        B, T, D, H = shape
        rng = np.random.default_rng(0)
        lengths = rng.integers(max(T // 4, 1), T + 1, size=B) if ragged else np.full(B, T)
        sequences = [rng.standard_normal((length, D)).astype(dtype) for length in lengths]
        network = Network(D, N_CLASSES, (H,), cell)
        targets, theta = rng.integers(N_CLASSES, size=B), network.initialize(rng, np.float64)
        # Away from the biases of 0 and 1 that training begins with, so that `check` sees where each of them goes.
        b = network.layout.views(theta)["layer_0.b"]
        b += 0.1 * rng.standard_normal(len(b))
        return cls(shape, ragged, sequences, targets, network, theta.astype(dtype))

    @property
    def cell(self):
        return self.network.cell

    @property
    def weights(self):
        """Views of theta: W (D, n H), R (H, n H), b, in blocks i f g o (LSTM) or r z n (GRU); head V (H, 10), d (10,)."""
        return dict(zip("WRbVd", self.network.layout.views(self.theta).values(), strict=True))


# A contender is a class with `loss_and_dW()`, called first, on the initial weights, and `step()`, returning the loss.
class Sklstm:
    """The body of the loop in `sklstm.training.loop`."""

    name = "sklstm"

    def __init__(self, problem, n_threads=1):
        B, _, D, _ = problem.shape
        dtype = problem.theta.dtype
        X, y = Sequences.from_list(problem.sequences), problem.targets[:, np.newaxis].astype(dtype)
        data = Data(X, y, np.ones(B), np.zeros(D, dtype), np.ones(D, dtype), np.arange(B))
        self.layout = problem.network.layout
        self.theta = problem.theta.copy()
        self.rows = np.arange(B)
        loss = LOSSES["multinomial_log_loss"]
        self.gradient = GradientComputer(problem.network, loss, data, self.theta, 0.0, Threads(n_threads))
        optimizer = Adam(BETA_1, BETA_2, EPSILON)
        self.update = optimizer.bind(self.theta, self.gradient.grad, optimizer.init(self.theta))

    def loss_and_dW(self):
        total, total_weight = self.gradient(self.rows, None)
        return total / total_weight, self.layout.views(self.gradient.grad)["layer_0.W"]

    def step(self):
        total, total_weight = self.gradient(self.rows, None)
        norm = self.update.norm()
        if not (math.isfinite(norm) and math.isfinite(total)):
            raise FloatingPointError("The loss or the gradient is not finite.")
        self.update.take(LEARNING_RATE, MAX_GRAD_NORM / norm if norm > MAX_GRAD_NORM else 1.0)
        return total / total_weight


class TorchNetwork:
    """Module of torch.nn and a linear head, on a dense tensor made beforehand or, if ragged, on one padded at each call.

    Parameters
    ----------
    weights : dict of str to ndarray
        As `Problem.weights`.
    cell : str
    sequences : list of ndarray of shape (n_steps, D)
    ragged : bool
    """

    def __init__(self, weights, cell, sequences, ragged):
        import torch

        self.torch = torch
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        dtype, peer, (D, _), self.H = getattr(torch, str(weights["W"].dtype)), PEERS[cell], weights["W"].shape, len(weights["R"])
        w = {name: torch.from_numpy(values.T.copy()) for name, values in weights.items()}
        bias_ih, bias_hh = map(torch.from_numpy, peer.split_bias(weights["b"], self.H))
        self.layer = getattr(torch.nn, peer.module)(D, self.H, batch_first=True, dtype=dtype)
        self.layer.load_state_dict(dict(weight_ih_l0=w["W"], weight_hh_l0=w["R"], bias_ih_l0=bias_ih, bias_hh_l0=bias_hh))
        self.head = torch.nn.Linear(self.H, N_CLASSES, dtype=dtype)
        self.head.load_state_dict(dict(weight=w["V"], bias=w["d"]))
        self.sequences = [torch.from_numpy(sequence) for sequence in sequences]
        self.X = None if ragged else torch.stack(self.sequences)
        self.last_steps = torch.arange(len(sequences)), torch.tensor([len(x) - 1 for x in sequences])

    def last_h(self):
        """h at the last step of each sequence, (B, H)."""
        if self.X is not None:
            return self.end_state(self.X)
        padded = self.torch.nn.utils.rnn.pad_sequence(self.sequences, batch_first=True)
        return self.layer(padded)[0][self.last_steps]

    def end_state(self, X):
        # Beside the outputs nn.LSTM returns h and c, the others h alone; each is (1, B, H).
        return self.layer(X)[1][0].reshape(-1, self.H)


class Packs:
    """Mixin that lets a `TorchNetwork` run on a PackedSequence."""

    name = "torch packed"

    def last_h(self):
        return self.end_state(self.torch.nn.utils.rnn.pack_sequence(self.sequences, enforce_sorted=False))


class Torch(TorchNetwork):
    """The network with its loss and optimiser."""

    name = "torch"

    def __init__(self, problem):
        super().__init__(problem.weights, problem.cell, problem.sequences, problem.ragged)
        self.parameters = [*self.layer.parameters(), *self.head.parameters()]
        self.optimizer = self.torch.optim.Adam(self.parameters, LEARNING_RATE, (BETA_1, BETA_2), EPSILON)
        self.targets = self.torch.from_numpy(problem.targets)

    def backward(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.torch.nn.functional.cross_entropy(self.head(self.last_h()), self.targets)
        loss.backward()
        return loss

    def loss_and_dW(self):
        return self.backward().item(), self.layer.weight_ih_l0.grad.numpy().T

    def step(self):
        loss = self.backward()
        self.torch.nn.utils.clip_grad_norm_(self.parameters, MAX_GRAD_NORM)
        self.optimizer.step()
        return loss.item()


class TorchPacked(Packs, Torch):
    """The same on a PackedSequence."""


class Jax:
    """lax.scan over a dense batch."""

    name = "JAX"

    def __init__(self, problem):
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", problem.theta.dtype == np.float64)
        B, _, _, H = problem.shape
        cell_step, n_states = PEERS[problem.cell].step, CELLS[problem.cell].n_states
        tree = jax.tree.map

        def loss(p, X, y):
            def step(state, x):
                return cell_step(jnp, jax.nn.sigmoid, p, state, x), None

            (h, *_), _ = jax.lax.scan(step, (jnp.zeros((B, H), X.dtype),) * n_states, X.swapaxes(0, 1))
            return -jnp.take_along_axis(jax.nn.log_softmax(h @ p["V"] + p["d"]), y[:, None], axis=1).mean()

        def update(p, m, v, t, X, y):
            value, grad = jax.value_and_grad(loss)(p, X, y)
            norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grad)))
            grad = tree(lambda g: g * jnp.minimum(1, MAX_GRAD_NORM / norm), grad)
            m = tree(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, m, grad)
            v = tree(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, v, grad)
            t = t + 1
            rate, correction = LEARNING_RATE / (1 - BETA_1**t), 1 - BETA_2**t
            p = tree(lambda p, m, v: p - rate * m / (jnp.sqrt(v / correction) + EPSILON), p, m, v)
            return value, (p, m, v, t)

        p, zeros = problem.weights, lambda p: tree(jnp.zeros_like, p)
        self.begin = lambda: (tree(jnp.array, p), zeros(p), zeros(p), jnp.zeros((), problem.theta.dtype))
        self.state = self.begin()
        self.batch = jnp.array(np.stack(problem.sequences)), jnp.array(problem.targets)
        self.value_and_grad = jax.value_and_grad(loss)
        self.update = jax.jit(update, donate_argnums=(0, 1, 2, 3))
        self.wait = jax.block_until_ready

    def loss_and_dW(self):
        value, grad = self.value_and_grad(self.state[0], *self.batch)
        return float(value), np.asarray(grad["W"])

    def step(self):
        value, self.state = self.wait(self.update(*self.state, *self.batch))
        return float(value)


def check(runners):
    """Exit unless all contenders have the same loss and gradient as the first."""
    expected_loss, expected_dW = runners[0].loss_and_dW()
    for runner in runners[1:]:
        loss, dW = runner.loss_and_dW()
        loss_error = abs(loss / expected_loss - 1)
        dW_error = np.linalg.norm(dW - expected_dW) / np.linalg.norm(expected_dW)
        if not (loss_error <= LOSS_TOLERANCE and dW_error <= DW_TOLERANCE):
            raise SystemExit(f"{runner.name} does different work: the loss differs by {loss_error:.1e}, dW by {dW_error:.1e}.")


def measure(problem, contenders, seconds, repeats):
    """Time the contenders on a problem; returns the result of `take_turns` and the problem, as plain values."""
    runners = [contender(problem) for contender in contenders]
    check(runners)
    gemm, gemm_flops = large_product(problem.theta.dtype)
    turns = take_turns({runner.name: runner.step for runner in runners} | {"gemm": gemm}, seconds, repeats)
    flops = problem.network.flops_per_row * sum(len(sequence) for sequence in problem.sequences)
    peers = [runner.name for runner in runners[1:]]
    return turns | {
        "batch": "ragged" if problem.ragged else "dense",
        "shape": problem.shape,
        "fastest peer": min(peers, key=lambda name: turns["ratio"][name]["median"], default=None),
        "flops": flops,
        "GFLOP/s": 1e-9 * flops / turns["seconds"]["sklstm"]["median"],
        "% of gemm": 100 * flops / gemm_flops * turns["ratio"]["gemm"]["median"],
    }


def measure_cells(shape, ragged, dtype, seconds, repeats):
    """Time every cell of sklstm, the LSTM first, as `measure` does."""
    names = ["lstm", *(name for name in CELLS if name != "lstm")]
    steps = {name: Sklstm(Problem.draw(shape, ragged, dtype, name)).step for name in names}
    return take_turns(steps, seconds, repeats) | {"batch": "ragged" if ragged else "dense", "shape": shape}


def table_rows(results, timed, compared):
    """Header and rows of the table: times of `timed`, and ratios of `compared` to its first; a dash where there is none."""
    columns = [(name, "seconds", 1e3, "ms") for name in timed] + [(name, "ratio", 1, f"/ {timed[0]}") for name in compared]
    further = [key for key in ("GFLOP/s", "% of gemm") if key in results[0]]
    fastest = ["fastest peer"] if "fastest peer" in results[0] and len(compared) > 1 else []
    rows = [["batch", "B,T,D,H", *(f"{name} {unit}" for name, _, _, unit in columns), *fastest, *further]]
    for result in results:
        figures = [scale * result[key].get(name, {"median": np.nan})["median"] for name, key, scale, _ in columns]
        if fastest:
            figures.append(result["ratio"][result["fastest peer"]]["median"])
        cells = ("-" if np.isnan(x) else f"{x:.0f}" if x >= 100 else f"{x:#.3g}" for x in figures)
        rows.append([result["batch"], ",".join(map(str, result["shape"])), *cells, *(f"{result[key]:.0f}" for key in further)])
    return rows


def smallest_ratios(results):
    """One line with the smallest ratio to a peer, the peer and the shape, for dense and for ragged batches."""
    parts = []
    for batch in dict.fromkeys(result["batch"] for result in results):
        rows = [(r["ratio"][r["fastest peer"]]["median"], r["fastest peer"], r["shape"]) for r in results if r["batch"] == batch]
        ratio, name, shape = min(rows)
        parts.append(f"{batch} {ratio:.2f} ({name}, {','.join(map(str, shape))})")
    return f"Smallest ratio to a peer: {'; '.join(parts)}."


def grid():
    """Shapes of `GRID` within `GRID_FLOPS`, and those beyond; D is H/4, 8 at least."""
    shapes = [(B, T, max(8, H // 4), H) for H, B, T in product(*GRID.values())]
    within = [8 * H * (3 * H + 2 * D) * B * T <= GRID_FLOPS for B, T, D, H in shapes]
    return list(compress(shapes, within)), [shape for shape, fits in zip(shapes, within, strict=True) if not fits]


def read_shape(text):
    """(B, T, D, H) from its text."""
    B, T, D, H = map(int, text.split(","))
    return B, T, D, H


def find_peers(without):
    """Contenders other than sklstm, from the packages that are installed and wanted."""
    peers = []
    for package, classes in {"torch": (Torch, TorchPacked), "jax": (Jax,)}.items():
        if package not in without and find_spec(package) is None:
            print(f"{package} is not installed: pip install 'sklstm[bench]'\n")
        elif package not in without:
            peers += classes
    return peers


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--cell", choices=PEERS, default="lstm", help="which cell (default: %(default)s)")
    which.add_argument("--cells-table", action="store_true", help="compare every cell of sklstm with its LSTM, without peers")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    shapes = parser.add_mutually_exclusive_group()
    shapes.add_argument("--shapes", nargs="+", type=read_shape, default=SHAPES, metavar="B,T,D,H")
    shapes.add_argument("--grid", action="store_true", help="many shapes instead, see GRID")
    parser.add_argument("--seconds", type=float, default=6, help="time per shape and kind of batch (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="minimum number of rounds (default: %(default)s)")
    parser.add_argument("--without", nargs="+", choices=("torch", "jax"), default=[], help="peers to leave out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios over H into this .png or .svg")
    options = parser.parse_args()
    pin_to_one_cpu()

    peers = [] if options.cells_table else find_peers(options.without)
    shapes, beyond = grid() if options.grid else (options.shapes, [])
    results = []
    with single_threaded_blas():
        for ragged, shape in product((False, True), shapes):
            if options.grid and ragged and shape[0] == 1:
                continue
            print(f"{'ragged' if ragged else 'dense'} {shape} ...", file=sys.stderr)
            if options.cells_table:
                results.append(measure_cells(shape, ragged, options.dtype, options.seconds, options.repeats))
            else:
                contenders = [Sklstm, *(peer for peer in peers if peer is not (Jax if ragged else TorchPacked))]
                B, T, _, H = shape
                if options.grid and ragged and B * T * T * H > GRID_PACKED:
                    contenders.remove(TorchPacked)
                problem = Problem.draw(shape, ragged, options.dtype, options.cell)
                results.append(measure(problem, contenders, options.seconds, options.repeats))
        facts = describe()
    share = min(result["share of the CPU"] for result in results)
    names = [peer.name for peer in peers]
    timed, compared = (["lstm"], list(results[0]["ratio"])[1:]) if options.cells_table else (["sklstm", *names], names)
    what = "every cell" if options.cells_table else options.cell
    print(table(table_rows(results, timed, compared)))
    print(f"\n{what}, {options.dtype}, one thread; this process had at least {100 * share:.0f} % of its CPU.")
    if beyond:
        print(f"Left out, more than {1e-9 * GRID_FLOPS:.0f} GFLOP: {'; '.join(','.join(map(str, shape)) for shape in beyond)}.")
    if peers:
        print(smallest_ratios(results))
    print(f"\n{report(facts)}")
    title = f"One training step, {'LSTM' if what == 'lstm' else what}, {options.dtype}, one thread"
    drawn = {"picture": "ratio_lines", "title": title, "results": results}
    record = {"cell": what, "dtype": options.dtype, "machine": facts} | drawn
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if options.picture:
        draw(record, options.picture)


if __name__ == "__main__":
    main()
