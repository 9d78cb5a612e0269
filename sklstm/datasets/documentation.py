"""Paragraphs that the docstrings of the generators share, for `document`; words in braces are given by each of them.

<<n_samples>>
n_samples : int, default=1000
    Number of sequences.

<<ragged>>
ragged : bool, default=False
    Draw the {what} of each sequence uniformly from ``{most} / 2``{least} to `{most}`. X is then
    :class:`~sklstm.Sequences` instead of an array.

<<encode>>
encode : {"onehot", "ordinal"}, default="onehot"
    How X holds the symbols: "onehot" is one channel of 0 and 1 for each symbol; "ordinal" is a single channel of integer codes,
    for an estimator with ``categorical_features="all"``.

<<random_state>>
random_state : int, RandomState or None, default=None
    Seed or generator of the random numbers. Pass an int for the same data in every call; None draws fresh entropy from the
    operating system.

<<out of range>>
ValueError
    If a parameter is out of its range (`InvalidParameterError`).
"""

from functools import partial

from .. import docstrings

document = partial(docstrings.document, docstrings.read_parts(__doc__))  # document(**words)
