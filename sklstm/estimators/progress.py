"""How a fit shows its progress: a bar if tqdm is there, else lines."""

import multiprocessing
import threading
import warnings
from contextlib import suppress
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


def show_trial(verbose, max_iter, loss):
    """Print what a length of the fit led to on held-out sequences, unless the progress of a fit is silent here."""
    if verbose and not (verbose == 1 and _in_worker()):
        with suppress(Exception):  # sys.stdout may be anything
            print(f"Held-out sequences  {max_iter} epochs  loss {loss:.4g}", flush=True)


class Progress:
    """Shows one epoch after another. Where the output fails (it is closed, or nobody reads it any more), it falls silent.

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
        self.bar = None
        self.n_done = n_done
        self.n_epochs = 0
        self.started = perf_counter()
        if verbose == 1 and not self.silent:
            self._try(self._begin)

    def show(self, row):
        """Take in a row of the history."""
        self._try(self._show, row)

    def close(self):
        self._try(self._close)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def _try(self, show, *args):
        if self.silent:
            return
        try:
            show(*args)
        except Exception as error:  # of any kind: sys.stdout may be anything
            self._fall_silent(error)

    def _fall_silent(self, error):
        self.silent, bar, self.bar = True, self.bar, None
        with suppress(Exception):  # it prints, too
            if bar is not None:
                bar.close()
        with suppress(Exception):
            warnings.warn(
                f"The progress of the fit is no longer shown, because printing failed ({type(error).__name__}: {error}). The fit"
                " continues. Set verbose=0 to print nothing.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _begin(self):
        self.bar = _bar(self.max_iter, self.n_done)

    def _show(self, row):
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

    def _close(self):
        if self.bar is not None:
            self.bar.close()
