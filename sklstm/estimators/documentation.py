"""The parts of the docstrings that the estimators share."""

from inspect import cleandoc

X_DOC = """
X : any accepted form of sequences
    - 3-D array (n_sequences, n_steps, n_channels);
    - list, tuple or 1-D object array of arrays (n_steps, n_channels) or (n_steps,), of any lengths;
    - :class:`~sklstm.Sequences`;
    - 2-D array or DataFrame (n_sequences, n_steps * n_channels), each row a flattened sequence, step by step.
"""

ARCHITECTURE_DOC = """
hidden_size : int, default=64
    Units of each recurrent layer, in each direction.
num_layers : int, default=1
    Recurrent layers, each reading the outputs of the one before.
bidirectional : bool, default=False
    Let a second set of units in every layer read each sequence from its last step to its first.
merge_mode : {"concat", "sum"}, default="concat"
    How the outputs of the two directions become one. Without effect on one direction.
pooling : {"last", "mean", "max"}, default="last"
    What the linear head sees of the last layer: its state after the last step (of a reverse direction: after the
    first), or the mean or the largest value of every unit over the steps.
n_channels : int, default=1
    Channels per step of a 2-D `X`, whose rows are sequences flattened step by step. Other forms of X tell their
    channels themselves, and this is not used.
standardize : bool, default=True
    Centre and scale every channel by its mean and standard deviation over the training steps{standardize_y}, which
    makes a fit independent of units. The trained weights are converted to the original units, so predictions cost
    nothing more. A channel that is constant in training is ignored. With `partial_fit` the statistics are those of all
    chunks seen so far.
"""

TRAINING_DOC = """
solver : {"adam", "sgd"}, default="adam"
    Adam, or stochastic gradient descent with momentum.
alpha : float, default=1e-3
    Strength of the L2 penalty on the weights (not the biases), divided by the total sample weight of the minibatch.
batch_size : int or "auto", default="auto"
    Sequences per minibatch; "auto" is {batch_size_auto}.
learning_rate_init : float, default=5e-3
    Step size of the solver.
max_iter : int, default=200
    Epochs (passes over the training data) at most.
shuffle : bool, default=True
    Shuffle the sequences in every epoch. Sequences of similar length then share minibatches.
tol : float, default=1e-4
    Improvements of the loss, or with `early_stopping` of the validation score, up to this count as none.
n_iter_no_change : int, default=10
    Stop when more than this many epochs in a row brought no improvement. Without `early_stopping` the weights of the last
    epoch are kept. LSTMs may linger on a plateau before they learn: raise this if a fit stops there.
early_stopping : bool, default=False
    Set aside a part of the training data{stratified} (or use `X_val` and `y_val` of `fit`), stop by the score on it,
    and end with the weights that scored best. Does not apply to `partial_fit`.
validation_fraction : float, default=0.1
    Part of the training sequences that `early_stopping` sets aside.
max_grad_norm : float or None, default=1.0
    Gradients of a larger Euclidean norm are scaled down to it; None leaves them.
momentum : float, default=0.9
    Momentum of `solver="sgd"`.
nesterovs_momentum : bool, default=True
    Whether that momentum is Nesterov's.
beta_1, beta_2 : float, default=0.9, 0.999
    Decay rates of Adam's moments.
epsilon : float, default=1e-8
    Added to Adam's denominator.
"""

CONTROL_DOC = """
warm_start : bool, default=False
    Let a further `fit` continue from the weights, the state of the solver and the statistics of the last one. With
    `early_stopping` it draws a validation split of its own; pass `X_val` and `y_val` to keep one.
n_jobs : int or None, default=None
    Threads. None is 1, or what :func:`joblib.parallel_config` says; -1 is all cores. A minibatch is shared among threads
    where each has at least 16 sequences (an eighth of `hidden_size` if that is more) and about a millisecond of work; a
    larger `batch_size` lets more of them help. Results have the same bits for any number.
random_state : int, RandomState or None, default=None
    Determines initial weights, shuffling and the validation split. Pass an int for reproducible results. None draws
    fresh entropy from the operating system; NumPy's global random state is neither read nor changed.
verbose : bool, default=False
    Print the loss, and the validation score if there is one, after every epoch.
"""

ATTRIBUTES_DOC = """
n_features_in_ : int
    Columns of a 2-D `X`, channels of any other.
feature_names_in_ : ndarray of str of shape (n_features_in_,)
    Column names, if `X` was a DataFrame with such.
n_outputs_ : int
    Units of the head.
n_iter_ : int
    Epochs done.
t_ : int
    Training samples seen, each counted once per epoch.
loss_curve_ : list of float
    Mean training loss (with the penalty) in each epoch{loss_units}.
best_loss_ : float or None
    Smallest value of `loss_curve_`; None with `early_stopping`.
validation_loss_curve_ : list of float or None
    Mean loss on the validation data after each epoch; None without such data.
validation_scores_ : list of float or None
    {validation_score} on the validation data after each epoch.
best_validation_score_ : float or None
    Best value of `validation_scores_`; with `early_stopping` that of the weights kept.
weights_ : dict of str to ndarray
    The fitted parameters, in the units of `X`{and_y}: for layer k ``layer_k.W`` (inputs, 4 H), ``layer_k.R`` (H, 4 H)
    and ``layer_k.b`` (4 H,) with the blocks of H columns in the order input gate, forget gate, candidate, output gate;
    with the prefix ``layer_k.reverse.`` those of the reverse direction; and ``head.V`` (features, n_outputs_),
    ``head.b`` (n_outputs_,).
history_ : list of dict
    One row per epoch: ``epoch``, ``loss``, ``learning_rate``, ``gradient_norm`` (mean over the minibatches, before
    clipping), ``seconds``, and with validation data ``validation_loss`` and ``validation_score``.
"""

NOTES_DOC = """
A layer [1]_ [2]_ computes, with x_t its input at step t and h, c starting at zero,

.. math::

    i_t &= \\sigma(x_t W_i + h_{t-1} R_i + b_i) \\qquad
    f_t = \\sigma(x_t W_f + h_{t-1} R_f + b_f) \\\\
    g_t &= \\tanh(x_t W_g + h_{t-1} R_g + b_g) \\qquad
    o_t = \\sigma(x_t W_o + h_{t-1} R_o + b_o) \\\\
    c_t &= f_t \\odot c_{t-1} + i_t \\odot g_t \\qquad\\quad
    h_t = o_t \\odot \\tanh(c_t)

and is trained by back-propagation through all steps. W is initialised uniformly [3]_, R orthogonally gate by gate [4]_,
biases with 0, those of the forget gate with 1 [2]_. Computation is in float32 for a float32 `X` and in float64 for any
other.
"""

REFERENCES_DOC = """
.. [1] S. Hochreiter and J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8).
.. [2] F. Gers, J. Schmidhuber and F. Cummins (2000), "Learning to forget: continual prediction with LSTM", Neural
   Computation 12(10).
.. [3] X. Glorot and Y. Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
   AISTATS.
.. [4] A. Saxe, J. McClelland and S. Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep
   linear neural networks", arXiv:1312.6120.
"""

SHARED = {
    "X": X_DOC,
    "architecture": ARCHITECTURE_DOC,
    "training": TRAINING_DOC,
    "control": CONTROL_DOC,
    "attributes": ATTRIBUTES_DOC,
    "notes": NOTES_DOC,
    "references": REFERENCES_DOC,
}


def document(**words):
    """Decorator: replace each line ``<<name>>`` of a docstring by that shared part, its ``{word}`` by `words`."""

    def decorate(item):
        lines = []
        for line in cleandoc(item.__doc__).split("\n"):
            name = line.strip()
            if name.startswith("<<") and name.endswith(">>"):
                indent = line[: len(line) - len(line.lstrip())]
                text = SHARED[name[2:-2]].strip("\n")
                for word, replacement in words.items():
                    text = text.replace(f"{{{word}}}", replacement)
                lines += [f"{indent}{part}" if part else "" for part in text.split("\n")]
            else:
                lines.append(line)
        item.__doc__ = "\n".join(lines) + "\n"
        return item

    return decorate
