"""The processes of threads.py: a library with a number of threads each, which does what comes through a pipe.

    python benchmarks/contenders.py NAME N_THREADS     a contender
    python benchmarks/contenders.py busy 1             a load on the first CPU, as long as the process that started it

They are started by threads.py and are of no use by themselves. A process of `multiprocessing` would not do: in those, joblib
allows one thread only.
"""

import os
import pickle
import sys
import warnings
from time import perf_counter

import machine
import numpy as np
import predict
from machine import pin_to_one_cpu, seconds_per_call, with_threads
from sklearn.exceptions import ConvergenceWarning
from train_step import LEARNING_RATE, MAX_GRAD_NORM, PEERS, Jax, Problem, Sklstm, Torch

from sklstm import LSTMClassifier
from sklstm.network.cells import CELLS

N_MINIBATCHES = 3
BUSY_SECONDS = 0.01  # after which the load looks whether the process that started it still runs


# ---- what the contenders do: task -> from a shape to a function, and numbers that all contenders must agree in ----


def minibatches(problem):
    """Three minibatches of the sequences and classes of a problem, in other orders."""
    orders = [np.random.default_rng(k).permutation(len(problem.targets)) for k in range(N_MINIBATCHES)]
    X = np.stack(problem.sequences)
    return [(X[order], problem.targets[order]) for order in orders]


def sklstm_fit(shape, n_threads):
    problem = draw(shape)
    X, y = (np.concatenate(parts) for parts in zip(*minibatches(problem), strict=True))
    B, _, _, H = shape
    model = LSTMClassifier(
        H, pooling="last", batch_size=B, max_iter=1, early_stopping=False, n_iter_no_change=np.inf, learning_rate="constant",
        learning_rate_init=LEARNING_RATE, max_grad_norm=MAX_GRAD_NORM, alpha=0.0, standardize=False, random_state=0,
        n_jobs=n_threads,
    )  # fmt: skip
    return lambda: model.fit(X, y), None


def torch_fit(shape, n_threads):
    import torch

    problem = draw(shape)
    batches = [tuple(map(torch.from_numpy, batch)) for batch in minibatches(problem)]

    def fit():
        runner = Torch(problem)
        for runner.X, runner.targets in batches:
            loss = runner.step()
        return loss

    return fit, None


def jax_fit(shape, n_threads):
    import jax.numpy as jnp

    problem = draw(shape)
    runner = Jax(problem)
    batches = [tuple(map(jnp.array, batch)) for batch in minibatches(problem)]

    def fit():
        runner.state = runner.begin()
        for runner.batch in batches:
            loss = runner.step()
        return loss

    return fit, None


def draw(shape):
    return Problem.draw(shape, False, np.float32, "lstm")


def of_step(make):
    """A task from a contender of train_step.py."""

    def task(shape, n_threads):
        runner = make(draw(shape), n_threads)
        loss, dW = runner.loss_and_dW()
        return runner.step, [float(loss), float(np.linalg.norm(dW))]

    return task


def of_prediction(make):
    """A task from a contender of predict.py."""

    def task(shape, n_threads):
        B, T, D, _ = shape
        model = predict.fitted(shape, "float32", "lstm").set_params(n_jobs=n_threads)
        runner = make(model, list(np.random.default_rng(1).standard_normal((B, T, D)).astype(np.float32)), False)
        return runner.run, np.asarray(runner.run()).ravel().tolist()

    return task


class JaxPrediction:
    """lax.scan over a dense batch, a linear head and softmax."""

    def __init__(self, model, sequences, ragged):
        import jax
        import jax.numpy as jnp

        p, X = jax.tree.map(jnp.array, predict.weights_of(model)), jnp.array(np.stack(sequences))

        def probabilities(p, X):
            state = (jnp.zeros((len(X), model.hidden_size), X.dtype),) * CELLS["lstm"].n_states
            (h, *_), _ = jax.lax.scan(lambda state, x: (PEERS["lstm"].step(jnp, jax.nn.sigmoid, p, state, x), None),
                                      state, X.swapaxes(0, 1))
            return jax.nn.softmax(h @ p["V"] + p["d"])

        compiled = jax.jit(probabilities)
        self.run = lambda: np.asarray(compiled(p, X))


PREDICTIONS = {
    "sklstm": of_prediction(predict.Sklstm),
    "torch": of_prediction(predict.Torch),
    "JAX": of_prediction(JaxPrediction),
    "ONNX Runtime": of_prediction(predict.OnnxRuntime),
}
TASKS = {  # task -> contender -> function of a shape and a number of threads
    "fit": {"sklstm": sklstm_fit, "torch": torch_fit, "JAX": jax_fit},
    "step": {
        "sklstm": of_step(Sklstm),
        "torch": of_step(lambda problem, n_threads: Torch(problem)),
        "JAX": of_step(lambda problem, n_threads: Jax(problem)),
    },
    "predict": PREDICTIONS,
    "row": PREDICTIONS,
}


# ---- the processes ----


def serve(name, n_threads, received, sent):
    """Prepare tasks and time calls of them, as asked: (task, shape) is answered by numbers, a count by seconds per call.

    An exception is an answer too.
    """
    call = None
    while True:
        try:
            asked = pickle.load(received)
        except EOFError:  # the other end has gone
            return
        try:
            if isinstance(asked, int):
                answer = seconds_per_call(call, asked)
            else:
                task, shape = asked
                call, answer = TASKS[task][name](shape, n_threads)
        except Exception as error:
            answer = RuntimeError(repr(error))
        pickle.dump(answer, sent)
        sent.flush()


def keep_busy():
    parent = os.getppid()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    while os.getppid() == parent:
        until = perf_counter() + BUSY_SECONDS
        while perf_counter() < until:
            pass


def main():
    name, n_threads = sys.argv[1], int(sys.argv[2])
    if name == "busy":
        keep_busy()
        return
    sent = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is not to come between the answers
    os.environ.update(with_threads(n_threads))  # before the library is imported
    machine.clock = perf_counter  # the CPU time of a process is the sum over its threads
    if n_threads == 1:
        pin_to_one_cpu()
    warnings.simplefilter("ignore", ConvergenceWarning)
    serve(name, n_threads, sys.stdin.buffer, sent)


if __name__ == "__main__":
    main()
