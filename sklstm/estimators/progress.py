"""How a fit shows its progress: a bar if tqdm is there, else lines."""

import multiprocessing
import threading
import warnings
from time import perf_counter


def _bar(total, initial):
    """A progress bar, or None without tqdm."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without its widgets
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=total, initial=initial, unit="epoch", dynamic_ncols=True)


def _in_worker():
    """Whether this is a worker of a parallel computation, whose bars would write over each other."""
    return multiprocessing.parent_process() is not None or threading.current_thread() is not threading.main_thread()


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Progress:
    """Shows one epoch after another.

    Parameters
    ----------
    verbose : int
        0 is silent; 1 a bar (lines without tqdm), and silent in parallel workers; 2 a line per epoch, everywhere.
    max_iter : int
        Epochs at most.
    n_done : int, default=0
        Of those, what was done before.
    """

    def __init__(self, verbose, max_iter, n_done=0):
        self.max_iter = max_iter
        self.silent = not verbose or (verbose == 1 and _in_worker())
        self.bar = _bar(max_iter, n_done) if verbose == 1 and not self.silent else None
        self.n_done = n_done
        self.n_epochs = 0
        self.started = perf_counter()

    def show(self, row):
        """Take in a row of the history."""
        if self.silent:
            return
        self.n_epochs += 1
        texts = {"loss": f"{row['loss']:.4g}"}
        if "validation_score" in row:
            texts |= {"val_loss": f"{row['validation_loss']:.4g}", "val_score": f"{row['validation_score']:.4f}"}
        if row["learning_rate"] is not None:
            texts["rate"] = f"{row['learning_rate']:.2g}"
        if self.bar is not None:
            self.bar.set_postfix(texts, refresh=False)
            self.bar.update()
            return
        left = (perf_counter() - self.started) / self.n_epochs * (self.max_iter - self.n_done - self.n_epochs)
        facts = "  ".join(f"{name} {text}" for name, text in texts.items())
        print(f"Epoch {row['epoch']:{len(str(self.max_iter))}}/{self.max_iter}  {facts}  {row['seconds']:.2f} s", end="")
        print(f"  (at most {_duration(left)} left)", flush=True)

    def close(self):
        if self.bar is not None:
            self.bar.close()
