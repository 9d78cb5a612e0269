"""Time of a whole fit: `LSTMClassifier.fit` compared with a bare PyTorch loop, skorch and Keras, and the share of Python in it.

    python benchmarks/fit.py              twenty epochs on 1,000 sequences of 25 steps with 12 channels, 16 units
    python benchmarks/fit.py --ragged     the same, and then on 992 sequences of 6 to 25 steps
    python benchmarks/fit.py --python     microseconds of Python per minibatch, with almost no arithmetic

All contenders start from the same weights and use the same minibatches in the same order. Before the timing, their losses
after the last epoch must agree. They take turns in one process, on one thread and, where the system allows it, on one CPU. A
ratio is the median of the ratios within each round. All use Adam, clip the gradient's norm at 1 and minimise the log-loss
over 4 classes in float32. "First fit" is the one before the timing, which includes compilation.

sklstm        fit of the estimator: reading and checking X and y, initial weights, history, and all that users get.
torch         The usual loop: index the minibatch, forward, backward, clip_grad_norm_, step, loss.item().
skorch        NeuralNetClassifier with the same module, without validation split and without callbacks for printing or scoring.
Keras         Sequential of LSTM and Dense on JAX (or KERAS_BACKEND), compiled once. Later fits reset the weights and the
              optimiser and compile nothing.

"% of gemm" is the speed of the operations in the products, as a share of that of a large product by SciPy's BLAS, which takes
turns like a contender.

Before the timing, ragged sequences are padded with zeros, except for sklstm. torch and skorch pack each minibatch; Keras
masks it.
"""

import argparse
import json
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from time import process_time

from machine import ONE_THREAD, describe, large_product, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
from pictures import draw
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier
from sklstm.estimators.architecture import build
from sklstm.training.batching import minibatches

N, T, D, H, N_CLASSES = 1000, 25, 12, 16, 4
EPOCHS, BATCH, LEARNING_RATE, MAX_GRAD_NORM = 20, 32, 1e-3, 1.0
# Relative difference of the losses after the last epoch: rounding differs over 640 steps in float32.
TOLERANCE = 1e-3


class Problem:
    """X, y, initial weights and the minibatches of every epoch, as in a fit of the estimator."""

    def __init__(self, ragged):
        rng = np.random.default_rng(0)
        self.ragged = ragged
        # skorch cuts the minibatches itself, so only the last may be smaller; the estimator shuffles those of ragged data.
        self.n = N - N % BATCH if ragged else N
        self.lengths = rng.integers(T // 4, T + 1, size=self.n) if ragged else np.full(self.n, T)
        self.padded = rng.standard_normal((self.n, T, D)).astype(np.float32)
        self.padded[np.arange(T) >= self.lengths[:, np.newaxis]] = 0
        self.X = [x[:length] for x, length in zip(self.padded, self.lengths, strict=True)] if ragged else self.padded
        self.y = self.padded[:, :, :N_CLASSES].sum(axis=1).argmax(axis=1)
        self.estimator = LSTMClassifier(
            H,
            pooling="last",
            batch_size=BATCH,
            learning_rate="constant",
            learning_rate_init=LEARNING_RATE,
            max_grad_norm=MAX_GRAD_NORM,
            alpha=0.0,
            standardize=False,
            forget_bias=1.0,
            max_iter=EPOCHS,
            n_iter_no_change=np.inf,
            random_state=0,
        )
        network = build(self.estimator.fit(self.X, self.y)._network_spec)
        rng = self.estimator._generator(False, None)
        self.weights = network.layout.views(network.initialize(rng, np.float32))
        self.epochs = [minibatches(self.lengths, BATCH, rng) for _ in range(EPOCHS)]
        self.flops = EPOCHS * int(self.lengths.sum()) * network.flops_per_row


def sklstm_fit(problem):
    return lambda: problem.estimator.fit(problem.X, problem.y).loss_curve_[-1]


def _module(torch, problem):
    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(D, H, batch_first=True)
            self.head = torch.nn.Linear(H, N_CLASSES)
            with torch.no_grad():
                w = problem.weights
                self.lstm.weight_ih_l0.copy_(torch.tensor(w["layer_0.W"].T))
                self.lstm.weight_hh_l0.copy_(torch.tensor(w["layer_0.R"].T))
                self.lstm.bias_ih_l0.copy_(torch.tensor(w["layer_0.b"]))
                self.lstm.bias_hh_l0.zero_().requires_grad_(False)  # the same parameter twice
                self.head.weight.copy_(torch.tensor(w["head.V"].T))
                self.head.bias.copy_(torch.tensor(w["head.b"]))

        def forward(self, x, lengths=None):
            if lengths is not None:
                x = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            return self.head(self.lstm(x)[1][0][0])

    return Classifier


def torch_fit(problem):
    import torch

    torch.set_num_threads(1)
    Classifier = _module(torch, problem)
    X, y = torch.tensor(problem.padded), torch.tensor(problem.y)
    inputs = (X, torch.tensor(problem.lengths)) if problem.ragged else (X,)
    epochs = [[torch.tensor(rows) for rows in epoch] for epoch in problem.epochs]

    def fit():
        model = Classifier()
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], LEARNING_RATE)
        log_loss = torch.nn.CrossEntropyLoss()
        for epoch in epochs:
            total = 0.0
            for rows in epoch:
                optimizer.zero_grad()
                loss = log_loss(model(*(part[rows] for part in inputs)), y[rows])
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
                optimizer.step()
                total += loss.item() * len(rows)
        return total / problem.n

    return fit


def skorch_fit(problem):
    import torch
    from skorch import NeuralNetClassifier
    from skorch.callbacks import GradientNormClipping

    class Orders(torch.utils.data.Sampler):
        """Yield the order of the samples in each epoch."""

        def __init__(self):
            self.epochs = iter(problem.epochs)

        def __iter__(self):
            return iter(np.concatenate(next(self.epochs)).tolist())

        def __len__(self):
            return problem.n

    X = {"x": problem.padded, "lengths": problem.lengths} if problem.ragged else problem.padded

    def fit():
        net = NeuralNetClassifier(
            _module(torch, problem),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=LEARNING_RATE,
            max_epochs=EPOCHS,
            batch_size=BATCH,
            iterator_train__sampler=Orders(),
            train_split=None,
            verbose=0,
            callbacks=[GradientNormClipping(MAX_GRAD_NORM)],
        )
        net.fit(X, problem.y)
        return net.history[-1, "train_loss"]

    return fit


def keras_fit(problem):
    os.environ.setdefault("KERAS_BACKEND", "jax" if find_spec("jax") else "torch")
    import keras

    class Minibatches(keras.utils.PyDataset):
        """Minibatches of one epoch."""

        epoch = 0

        def __len__(self):
            return len(problem.epochs[self.epoch])

        def __getitem__(self, k):
            rows = problem.epochs[self.epoch][k]
            return problem.padded[rows], problem.y[rows]

    class Turn(keras.callbacks.Callback):
        """Continue with the next epoch; `PyDataset.on_epoch_end` is also called before the first one."""

        def on_epoch_begin(self, epoch, logs=None):
            data.epoch = epoch

    data = Minibatches()
    masking = [keras.layers.Masking(0.0)] if problem.ragged else []
    model = keras.Sequential([keras.Input((T, D)), *masking, keras.layers.LSTM(H), keras.layers.Dense(N_CLASSES)])
    optimizer = keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-8, global_clipnorm=MAX_GRAD_NORM)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    optimizer.build(model.trainable_variables)
    weights = [problem.weights[name] for name in ("layer_0.W", "layer_0.R", "layer_0.b", "head.V", "head.b")]
    optimizer_state = [variable.numpy() for variable in optimizer.variables]

    def fit():
        model.set_weights(weights)
        for variable, value in zip(optimizer.variables, optimizer_state, strict=True):
            variable.assign(value)
        return model.fit(data, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[Turn()]).history["loss"][-1]

    return fit


CONTENDERS = {  # with the package each needs
    "sklstm": (sklstm_fit, "sklstm"),
    "torch": (torch_fit, "torch"),
    "skorch": (skorch_fit, "skorch"),
    "Keras": (keras_fit, "keras"),
}


def compare(ragged, seconds, repeats):
    """Print the table and return the measurements."""
    problem = Problem(ragged)
    fits = {name: make(problem) for name, (make, package) in CONTENDERS.items() if find_spec(package)}
    losses, first_seconds = {}, {}
    for name, fit in fits.items():
        begun = process_time()
        losses[name] = fit()
        first_seconds[name] = process_time() - begun
        if abs(losses[name] - losses["sklstm"]) > TOLERANCE * losses["sklstm"]:
            raise AssertionError(f"{name} ends with the loss {losses[name]}, sklstm with {losses['sklstm']}: not the same work.")
    gemm, gemm_flops = large_product("float32")
    timed = take_turns(fits | {"gemm": gemm}, seconds, repeats)
    rows = [["fit", "loss", "first fit, s", "seconds", "per minibatch, us", "% of gemm", "ratio (quartiles)"]]
    gemm_speed = gemm_flops / timed["seconds"]["gemm"]["median"]
    n_minibatches = sum(map(len, problem.epochs))
    for name in fits:
        time, ratio = timed["seconds"][name]["median"], timed["ratio"][name]
        spread = f"{ratio['median']:.2f} ({ratio['lower quartile']:.2f} to {ratio['upper quartile']:.2f})"
        figures = f"{1e6 * time / n_minibatches:.0f}", f"{100 * problem.flops / time / gemm_speed:.1f}"
        rows.append([name, f"{losses[name]:.5f}", f"{first_seconds[name]:.2f}", f"{time:.3f}", *figures, spread])
    steps = f"{problem.lengths.min()} to {T}" if ragged else f"{T}"
    print(f"{EPOCHS} epochs on {problem.n} sequences of {steps} steps with {D} channels, {H} units, minibatches of {BATCH}, "
          f"{timed['rounds']} rounds\n")
    print(table(rows))
    print()
    batch = "ragged" if ragged else "dense"
    return timed | {"batch": batch, "flops": problem.flops, "losses": losses, "first fit, s": first_seconds}


def python_share(repeats):
    """Print and return the microseconds of CPU time per minibatch of fits with almost no arithmetic."""
    rng, results = np.random.default_rng(0), {}
    n_minibatches, n_epochs = 200, 20
    X = rng.standard_normal((n_minibatches * BATCH, 1, 1)).astype(np.float32)
    ragged = [np.zeros((1 + k % 2, 1), np.float32) for k in range(n_minibatches * BATCH)]
    for name, data in {"dense": X, "ragged": ragged}.items():
        y = np.arange(len(data)) % 2
        times = []
        for max_iter in [n_epochs, 2 * n_epochs] * repeats:
            model = LSTMClassifier(1, batch_size=BATCH, max_iter=max_iter, learning_rate="constant", n_iter_no_change=np.inf)
            begun = process_time()
            model.fit(data, y)
            times.append(process_time() - begun)
        # The difference between a long and a short fit excludes what happens once.
        per_epoch = [(b - a) / n_epochs for a, b in zip(times[::2], times[1::2], strict=True)]
        results[name] = 1e6 * float(np.median(per_epoch)) / n_minibatches
        print(f"{name}: {results[name]:.1f} microseconds per minibatch of {BATCH} sequences\n")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--ragged", action="store_true", help="sequences of different lengths, too")
    what.add_argument("--python", action="store_true", help="microseconds of Python per minibatch")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for the comparison")
    parser.add_argument("--repeats", type=int, default=7, help="minimum number of rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the seconds into this .png or .svg")
    options = parser.parse_args()
    if options.python and options.picture:
        parser.error("--python has no picture.")
    pin_to_one_cpu()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if options.python:
        record = {"microseconds per minibatch": python_share(options.repeats)}
    else:
        title = f"A fit of {EPOCHS} epochs on {N:,} sequences, LSTM, {H} units, one thread"
        results = [compare(ragged, options.seconds, options.repeats) for ragged in (False, True)[: 1 + options.ragged]]
        record = {"picture": "bars", "title": title, "results": results}
    facts = describe()
    print(report(facts))
    if options.json:
        options.json.write_text(json.dumps(record | {"machine": facts}, indent=1) + "\n")
    if options.picture:
        draw(record, options.picture)


if __name__ == "__main__":
    main()
