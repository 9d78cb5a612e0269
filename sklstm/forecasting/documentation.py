"""Paragraphs that the docstrings of the forecaster share, with those of single parameters of the networks by their names.

<<series>>
series : array-like, Series, DataFrame, Sequences, or list of those
    One series or several, whose steps are in the order of time and equally far apart:

    - array of shape (n_steps,) or (n_steps, n_channels);
    - pandas Series or DataFrame, whose index has the times, if it has any; forecasts continue it;
    - list of those, of any lengths; 3-D array (n_series, n_steps, n_channels); or :class:`~sklstm.Sequences`;
    - table with a row for each step, whose columns `id` and `time` say to which series a row belongs and when it was: pandas,
      polars, pyarrow or a dict of columns;
    - pandas Series or DataFrame with an index of several levels, of which the last is the time.

<<horizon>>
horizon : int, default=None
    Number of steps to forecast. None takes that of the constructor. For more steps than that, forecasts are continued from
    forecasts, and there are no quantiles.

<<future>>
future : array-like, Series, DataFrame or list of those, default=None
    Channels that are known in advance, in the form of that in `fit`, from the step after the end of each series on. Needed if
    `fit` had such, unless it had their values beyond the end.

<<forecasts>>
same form as `series` in `fit`
    Forecasts of the channels in `target`: an array of shape (horizon,) or (horizon, n_targets) for an array, a Series for a
    Series, a table for a table, a list for a list and so on, with the times that follow those of the series.

<<errors>>
NotFittedError
    If the forecaster is not fitted.
ValueError
    If an argument is invalid, if `future` ends too early or does not begin at the right time, or if there are too few errors
    for a quantile.

<<new>>
new : same form as `series` in `fit`
    The steps that follow the series. Times, if it has any, must begin at the step after the last one.

<<future of new>>
future : same form as `future` in `fit`, default=None
    Channels that are known in advance, from the first step of `new` to its last or beyond. Needed if `fit` had such, unless
    it had their values beyond the end.
"""

import re
from functools import partial

from ..docstrings import document as document_parts
from ..docstrings import read_parts
from ..estimators.documentation import SHARED

# Where a network of a forecaster has another default, or a parameter refers to what a forecaster does not have.
CHANGES = {
    "hidden_size": {"default=64": "default=16"},
    "pooling": {" Ignored with `return_sequences`, where the head reads the output of every step.": ""},
    "dropout": {"default=0.0": "default=0.2"},
    "missing": {", as NaN may be padding (see `padding`)": ""},
    "alpha": {"default=1e-5": "default=1e-3"},
    "solver": {", `checkpoint` or `partial_fit`": " or `checkpoint`"},
    "learning_rate": {
        "every `n_iter_no_change` / 2 epochs": "some epochs",
        "the first `warmup_fraction` of `max_iter` epochs": "the first twentieth of the `max_iter` epochs",
        " (`beta_1` of Adam)": "",
        ' unless `early_stopping` ends it. `partial_fit` does not know the number of epochs and treats both as "constant"': "",
    },
    "max_iter": {
        'default="auto"': "default=20",
        "as `early_stopping` says": "by validation",
    },
}


def _parameters(text):
    """Paragraphs of single parameters by their names, from those of several."""
    parts = re.split(r"^(?=\w[\w, ]* : )", text, flags=re.MULTILINE)
    return {part.partition(" : ")[0]: part.rstrip() for part in parts if part.strip()}


def _of_networks():
    found = {}
    for block in ("layers", "pooling", "rates", "inputs", "training", "control"):
        found |= _parameters(SHARED.get(block, ""))  # none under python -OO
    found = {name: re.sub(r"\s+\[\d+\]_", "", text) for name, text in found.items()}  # papers are those of the regressor
    return found | {name: _changed(found[name], changes) for name, changes in CHANGES.items() if name in found}


def _changed(text, changes):
    """A paragraph with other words, which it must have; lines may break anywhere in them."""
    for words, others in changes.items():
        pattern = r"\s+".join(map(re.escape, words.split())) if words.strip() else words
        pattern = r"\s+" * words.startswith(" ") + pattern
        text, n = re.subn(pattern, lambda _, others=others: others, text, count=1)
        if not n:
            raise ValueError(f"The shared paragraphs have no {words!r}.")
    return text


document = partial(document_parts, _of_networks() | read_parts(__doc__))  # document(**words)
