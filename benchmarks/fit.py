"""A whole fit: `LSTMClassifier.fit` beside a bare PyTorch loop and skorch, and what of it is Python.

    python benchmarks/fit.py              twenty epochs on 1,000 sequences of 25 steps with 12 channels, 16 units
    python benchmarks/fit.py --python     microseconds of Python per minibatch, where the arithmetic is next to nothing

All start from the same weights and take the same minibatches in the same order, and before the timing their losses after the last
epoch must agree. They run in turns in one process, on one thread and, where the system can, on one CPU; a ratio is the
median of the ratios within each round. Adam with clipping of the gradient's norm at 1, log-loss over 4 classes, float32.

sklstm        fit of the estimator: reading and checking X and y, initial weights, history, and all that users get.
torch         The loop that people write: index the minibatch, forward, backward, clip_grad_norm_, step, loss.item().
skorch        NeuralNetClassifier of the same module, without validation split, callbacks for printing or scoring.
"""

import argparse
import json
import os
import warnings
from importlib.util import find_spec
from time import process_time

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier
from sklstm.estimators.architecture import build
from sklstm.training.batching import minibatches

N, T, D, H, N_CLASSES = 1000, 25, 12, 16, 4
EPOCHS, BATCH, LEARNING_RATE, MAX_GRAD_NORM = 20, 32, 1e-3, 1.0
# Of the losses after the last epoch, relative: 640 steps in float32, in which rounding differs.
TOLERANCE = 1e-3


class Problem:
    """X, y, the weights to begin with and the minibatches of every epoch: those of the estimator's own fit."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.X = rng.standard_normal((N, T, D)).astype(np.float32)
        self.y = self.X[:, :, :N_CLASSES].sum(axis=1).argmax(axis=1)
        self.estimator = LSTMClassifier(
            H,
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
        lengths = np.full(N, T)
        self.orders = [np.concatenate(minibatches(lengths, BATCH, rng)) for _ in range(EPOCHS)]


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

        def forward(self, x):
            return self.head(self.lstm(x)[1][0][0])

    return Classifier


def torch_fit(problem):
    import torch

    torch.set_num_threads(1)
    Classifier = _module(torch, problem)
    X, y = torch.tensor(problem.X), torch.tensor(problem.y)

    def fit():
        model = Classifier()
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], LEARNING_RATE)
        log_loss = torch.nn.CrossEntropyLoss()
        for order in problem.orders:
            total = 0.0
            for rows in torch.tensor(order).split(BATCH):
                optimizer.zero_grad()
                loss = log_loss(model(X[rows]), y[rows])
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
                optimizer.step()
                total += loss.item() * len(rows)
        return total / N

    return fit


def skorch_fit(problem):
    import torch
    from skorch import NeuralNetClassifier
    from skorch.callbacks import GradientNormClipping

    class Orders(torch.utils.data.Sampler):
        """The order of each epoch, one after the other."""

        def __init__(self):
            self.epochs = iter(problem.orders)

        def __iter__(self):
            return iter(next(self.epochs).tolist())

        def __len__(self):
            return N

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
        net.fit(problem.X, problem.y)
        return net.history[-1, "train_loss"]

    return fit


CONTENDERS = {"sklstm": (sklstm_fit, "sklstm"), "torch": (torch_fit, "torch"), "skorch": (skorch_fit, "skorch")}


def compare(seconds, repeats):
    """Print the table; returns the measurements."""
    problem = Problem()
    fits = {name: make(problem) for name, (make, package) in CONTENDERS.items() if find_spec(package)}
    losses = {name: fit() for name, fit in fits.items()}
    for name, loss in losses.items():
        if abs(loss - losses["sklstm"]) > TOLERANCE * losses["sklstm"]:
            raise AssertionError(f"{name} ends with the loss {loss}, sklstm with {losses['sklstm']}: not the same work.")
    timed = take_turns(fits, seconds, repeats)
    rows = [["fit", "loss", "seconds", "per minibatch, us", "ratio (quartiles)"]]
    n_minibatches = EPOCHS * -(-N // BATCH)
    for name in fits:
        time, ratio = timed["seconds"][name]["median"], timed["ratio"][name]
        spread = f"{ratio['median']:.2f} ({ratio['lower quartile']:.2f} to {ratio['upper quartile']:.2f})"
        rows.append([name, f"{losses[name]:.5f}", f"{time:.3f}", f"{1e6 * time / n_minibatches:.0f}", spread])
    print(f"{EPOCHS} epochs on ({N}, {T}, {D}), {H} units, minibatches of {BATCH}, {timed['rounds']} rounds\n")
    print(table(rows))
    return timed


def python_share(repeats):
    """Print the microseconds of CPU time per minibatch of fits whose arithmetic is next to nothing; returns them."""
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
        # The difference of a long and a short fit leaves out what happens once.
        per_epoch = [(b - a) / n_epochs for a, b in zip(times[::2], times[1::2], strict=True)]
        results[name] = 1e6 * float(np.median(per_epoch)) / n_minibatches
        print(f"{name}: {results[name]:.1f} microseconds per minibatch of {BATCH} sequences")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="store_true", help="microseconds of Python per minibatch")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for the comparison")
    parser.add_argument("--repeats", type=int, default=7, help="rounds at least")
    parser.add_argument("--json", help="file for the measurements")
    options = parser.parse_args()
    pin_to_one_cpu()
    warnings.simplefilter("ignore", ConvergenceWarning)
    measured = python_share(options.repeats) if options.python else compare(options.seconds, options.repeats)
    facts = describe()
    print(f"\n{report(facts)}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"measured": measured, "machine": facts}, file, indent=1)


if __name__ == "__main__":
    main()
