"""Data: what users pass as X, y and weights, read into the ragged container that the kernels take.

The modules in the order in which X passes them:

    validation      any X -> an array, a list or `Sequences`; then, if it is not 2-D, `Sequences` of finite numbers
    flattened       the same of a 2-D X, each row a flattened sequence: arrays, and DataFrames with categories
      order           refuses DataFrames whose columns are not in the order of steps
    texts           the same of an X whose categorical channels hold texts
    agreement       compares X with the X of fit: names of channels, numbers of steps
    static          static features, a table with one row for each sequence
    categories      which channels are categorical, and their values as rows of the embedding
    packed          `Packed` and `Batch`: a minibatch as the kernels read it

`Sequences` and what they are made from:

    container       `Sequences`; parts checks what they are made of, constructors are the other ways to make them,
                    static_attributes what they say of static features
    items           a list of arrays or DataFrames        (`Sequences.from_list`)
    padding         an array with padding                 (`Sequences.from_padded`)
    arrow           columns of lists                      (`Sequences.from_arrow`)
    long            a table with one row per step         (`Sequences.from_long`), by
      frames          columns of any DataFrame or mapping
      times, iso      times of any kind, and texts that are times
      timeline        the times of each sequence in order, on the grid of a frequency
      frequency       the distance of two steps, of fixed length or of the calendar
      grouping        numbers in place of ids
      index           the index of pandas, where it tells the order of steps

    steps           `Steps`: an X of any values for transformers, and the way back to its format

y and weights:

    targets         labels, numbers and weights
    step_targets    the same with one entry for every step
    alignment       any of them in the order of the sequences of X, by ids

What all of these use: columns (`Column`), channels (several as one array), convert, numerals, unsupported (what has to be
converted by its own library), errors (where a value is, and what is wrong with it), refusals (errors of other libraries), extras.
"""

from .container import Sequences
from .packed import Batch, Packed
from .validation import as_sequences

__all__ = ["Batch", "Packed", "Sequences", "as_sequences"]
