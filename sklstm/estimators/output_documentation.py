"""Paragraphs of the docstrings of encoder-decoders, for `document`.

<<source>>
X : list of str, or any accepted form of sequences
    Texts, which `tokens` splits into categories; lists of tokens that are texts; or sequences in any form that
    :meth:`LSTMClassifier.fit <sklstm.LSTMClassifier.fit>` accepts.

<<outputs>>
y : list of str, list of array-likes, array-like of shape (n_sequences, n_steps[, n_outputs]) or Sequences
    An output for each sequence of X, of any length of at least 1:

    - texts, which `tokens` splits;
    - lists or 1-D arrays of tokens of any kind that can be sorted, such as texts or integers, or an array or
      :class:`~sklstm.Sequences` of integer codes;
    - arrays of numbers (n_steps,) or (n_steps, n_outputs), or a 2-D or 3-D array or :class:`~sklstm.Sequences` of such.

    Floats are numbers and everything else is tokens, unless `loss` says otherwise.

<<weights of outputs>>
sample_weight : array-like of shape (n_sequences,), default=None
    Weights of the sequences; None means 1 for each. Each step of an output has the weight of its sequence.

<<encoder-decoder>>
attention : {"dot", "additive"} or None, default="dot"
    How the decoder looks at the steps of X. At each step of the output, weights that sum to 1 over the steps of the sequence
    average the outputs of the encoder; the head reads this context and the decoder's output.

    - "dot": logits are products of the decoder's output with a learned linear map of the encoder's (the "general" score of Luong
      et al. [3]_).
    - "additive": logits are computed by a hidden layer of both [2]_.
    - None: the decoder knows X by the states that it begins with alone [1]_.
scheduled_sampling : float, default=0.0
    Rate, in [0, 1), at which training replaces what the decoder reads by what the network itself predicts for the step before: a
    token drawn from its probabilities, or the predicted number [4]_. With 0 it reads the true outputs (teacher forcing).
tokens : {"characters", "words"}, default="characters"
    How texts are split, those of X and of y: into characters, or at white space. Predicted words are joined by single spaces. For
    other tokens pass lists, or codes of a :class:`~sklstm.preprocessing.SequenceTokenizer`. `predict` splits X in the same way,
    so do not set it after `fit`.
unknown : {"error", "map"}, default="error"
    What to do with a token of y that did not occur in the first fit, in `X_val`, `partial_fit` and `log_likelihood`: raise an
    error, or take it for one further token, which is never predicted. `score` counts it as an error in any case.
max_length : int or "auto", default="auto"
    Largest number of steps of an output. Longer ones in y are an error. "auto" is the longest in training.
beam_width : int, default=1
    Number of hypotheses that `predict` continues at a time. 1 takes the most likely token at each step (greedy search). More find
    outputs that are more likely as a whole, and take that many times as long. Can be set after `fit`.
"""

from functools import partial

from ..docstrings import document as document_parts
from ..docstrings import read_parts
from .documentation import SHARED

document = partial(document_parts, SHARED | read_parts(__doc__))  # document(**words)
