"""
Training on data larger than memory
===================================

Temporal order (Hochreiter and Schmidhuber 1997): three symbols of a sequence are X or Y, and which comes first, second and third
makes eight classes. The sequences are in a file that NumPy maps into memory; ``fit`` reads it minibatch by minibatch without a
copy; the allocated memory is printed. If chunks come one by one, from a database or a simulation, ``partial_fit`` trains on each.
It cannot know how many chunks will follow and keeps its step size, which this example lowers from pass to pass.
"""

import sys
import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import log_loss

from sklstm import LSTMClassifier
from sklstm.datasets import make_temporal_order

CHUNKS, SIZE, STEPS, CHANNELS, PASSES = 10, 1000, 80, 8, 5


def make_chunk(number):
    X, y = make_temporal_order(SIZE, n_steps=STEPS, n_bits=3, random_state=number)
    return X.astype(np.float32), y


X_val, y_val = make_chunk(CHUNKS)
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "X.npy"
    X = np.lib.format.open_memmap(file, "w+", np.float32, (CHUNKS * SIZE, STEPS, CHANNELS))
    y = np.empty(len(X), dtype=int)
    for number in range(CHUNKS):  # one chunk at a time, as memory may hold no more
        X[number * SIZE :][:SIZE], y[number * SIZE :][:SIZE] = make_chunk(number)
    X.flush()
    tracemalloc.start()  # counts what NumPy allocates, not the pages of the mapped file
    whole = LSTMClassifier(16, max_iter=PASSES, random_state=0).fit(np.load(file, mmap_mode="r"), y, X_val=X_val, y_val=y_val)
    print(f"X has {X.nbytes / 1e6:.0f} MB; the fit had at most {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB allocated.")
    tracemalloc.stop()
    del X  # some systems cannot remove a mapped file

model, losses = LSTMClassifier(16, random_state=0), []
for k in range(PASSES):
    model.set_params(learning_rate_init=0.02 * (1 - k / PASSES))
    for X, y in map(make_chunk, range(CHUNKS)):  # generated again in each pass
        model.partial_fit(X, y, classes=range(8))
    losses.append(log_loss(y_val, model.predict_proba(X_val)))
print(f"Validation accuracy: fit {whole.score(X_val, y_val):.3f}, partial_fit {model.score(X_val, y_val):.3f}")
seen = CHUNKS * SIZE * np.arange(1, PASSES + 1) / 1000
fig, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
axes.semilogy(seen, whole.validation_loss_curve_, "o-", color="#0072B2", label="fit, memory-mapped file")
axes.semilogy(seen, losses, "s--", color="#D55E00", label="partial_fit, chunks")
axes.set(xlabel="Sequences seen (thousands)", ylabel="Validation log-loss (nats)", title="One pass after another", xlim=0)
axes.legend()
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
