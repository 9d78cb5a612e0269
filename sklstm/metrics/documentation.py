"""Paragraphs that the docstrings of the metrics of events share, for `document`.

<<labels and alarms>>
y_true : list of array-likes, array-like of shape (n_sequences, n_steps) or Sequences
    For each step 1 in an event and 0 outside. An event is a run of consecutive steps labelled 1. Steps labelled NaN, None or
    -100 do not count. A 1-D array is a single sequence.
y_pred : list of array-likes, array-like of shape (n_sequences, n_steps) or Sequences
    For each step -1 at an alarm and otherwise 1, as from ``predict_steps`` of an outlier detector, or booleans that are True at
    an alarm.
tolerance : int, default=0
    Number of steps after the end of an event at which an alarm still belongs to it, at most up to the next event.
sample_weight : array-like of shape (n_sequences,), default=None
    Weights of the sequences, which their events, alarms and steps have.
"""

from functools import partial

from .. import docstrings

document = partial(docstrings.document, docstrings.read_parts(__doc__))
