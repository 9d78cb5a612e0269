"""
Training on data larger than memory
===================================

Mixtures of sines in noise, of four kinds, lie in a file that NumPy maps into memory. ``fit`` reads it minibatch by minibatch and
makes no copy. With ``checkpoint`` it writes where it stands after every epoch: a fit that was killed, as this one is, goes on
from there when it is run again. Where chunks come one by one, from a database or a simulation, ``partial_fit`` takes each as it
comes. It cannot know how many there will be, and keeps its step size, which here is lowered by hand from pass to pass.
"""

import sys
import tempfile
import time
import tracemalloc
from multiprocessing import Process
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.datasets import make_sine_mixture

CHUNKS, SIZE, STEPS, CHANNELS, PASSES = 10, 2000, 30, 16, 5


def make_chunk(number):
    X, y = make_sine_mixture(SIZE, n_steps=STEPS, n_channels=CHANNELS, n_classes=4, noise=0.7, random_state=number)
    return X.astype(np.float32), y


def fit(folder, X_val, y_val):
    """The same fit whenever it is run, to its end: what the checkpoint has is not done again."""
    X, y = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "y.npy")
    model = LSTMClassifier(16, max_iter=PASSES, checkpoint=folder / "checkpoint", random_state=0, verbose=2)
    return model.fit(X, y, X_val=X_val, y_val=y_val)


def fit_of_file(folder, X_val, y_val):
    """Fit on a memory-mapped file, killed once; the validation accuracies."""
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (CHUNKS * SIZE, STEPS, CHANNELS))
    y = np.empty(len(X), dtype=int)
    for number in range(CHUNKS):  # written so, for one chunk at a time is all that memory may hold
        rows = slice(number * SIZE, (number + 1) * SIZE)
        X[rows], y[rows] = make_chunk(number)
    np.save(folder / "y.npy", y)
    X.flush()

    process = Process(target=fit, args=(folder, X_val, y_val))
    process.start()
    while process.is_alive() and not (folder / "checkpoint").exists():
        time.sleep(0.01)
    process.kill()
    process.join()
    print("A fit was killed when its first epoch was done. The same once more:", flush=True)
    tracemalloc.start()  # counts what NumPy allocates; pages of the file come and go as the operating system has room
    model = fit(folder, X_val, y_val)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"X has {X.nbytes / 1e6:.0f} MB; the fit had at most {peak / 1e6:.0f} MB allocated.")
    return model.validation_scores_


def fit_of_chunks(X_val, y_val):
    """Fit on chunks that are made anew in each pass; the validation accuracy after each."""
    model, scores = LSTMClassifier(16, random_state=0), []
    for k in range(PASSES):
        model.set_params(learning_rate_init=0.02 * (1 - k / PASSES))
        for X, y in map(make_chunk, range(CHUNKS)):
            model.partial_fit(X, y, classes=range(4))
        scores.append(model.score(X_val, y_val))
        print(f"partial_fit, pass {k + 1}: {model.t_} sequences seen, validation accuracy {scores[-1]:.3f}")
    return scores


if __name__ == "__main__":  # for the process above, which on some systems reads this file again
    held_out = make_chunk(CHUNKS)
    with tempfile.TemporaryDirectory() as folder:
        whole = fit_of_file(Path(folder), *held_out)
    chunked = fit_of_chunks(*held_out)
    seen = CHUNKS * SIZE * np.arange(1, PASSES + 1) / 1000
    fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    ax.plot(seen, whole, "o-", color="#0072B2", label="fit, memory-mapped file")
    ax.plot(seen, chunked, "s--", color="#D55E00", label="partial_fit, chunks")
    ax.axvspan(0, seen[0], color="0.92", label="before it was killed")
    ax.set(xlabel="Sequences seen (thousands)", ylabel="Validation accuracy", title="One epoch or pass after another", xlim=0)
    ax.legend(loc="lower right")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
