"""
A fit that was killed continues from its checkpoint
===================================================

The adding problem (Hochreiter and Schmidhuber 1997; Le, Jaitly and Hinton 2015): predict the sum of the two numbers that are
marked among 50. With ``checkpoint="file"``, `fit` writes its state to a file after every epoch. Here a process is killed in the
middle of a fit, as by a power cut or a batch system. The same fit, called again, computes only the remaining epochs and ends with
the same bits as one that was never interrupted; ``verbose=2`` shows which epochs it computes.
"""

import sys
import tempfile
import time
from multiprocessing import Process
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.datasets import make_adding_problem

X, y = make_adding_problem(4000, n_steps=50, random_state=0)


def fit(checkpoint):
    """Fit to the end; epochs that the checkpoint already has are not computed again."""
    return LSTMRegressor(32, cell="gru", max_iter=15, checkpoint=checkpoint, random_state=0, verbose=2).fit(X, y)


if __name__ == "__main__":  # because the process below may import this file
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint"
        process = Process(target=fit, args=(file,))
        process.start()
        written = set()  # times at which the file was written
        while process.is_alive() and len(written) < 5:
            written |= {file.stat().st_mtime_ns} if file.exists() else set()
            time.sleep(0.01)
        process.kill()
        process.join()
        print("Killed. The same fit once more:", flush=True)
        resumed = fit(file)
    print("A fit without interruption:", flush=True)
    alone = fit(None)
    same = all(np.array_equal(resumed.weights_[name], weights) for name, weights in alone.weights_.items())
    print(f"The weights have the same bits: {same}")

    fig, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    axes.semilogy(range(1, 16), alone.loss_curve_, color="#56B4E9", linewidth=6, label="left alone")
    axes.semilogy(range(1, 16), resumed.loss_curve_, "o-", color="#D55E00", label="killed, and called once more")
    axes.axvline(len(written) + 0.5, color="0.5", linestyle=":", label="killed about here")
    axes.set(xlabel="Epoch", ylabel="Training loss (half the variance of y)", title="Half the squared error while training")
    axes.legend()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
