"""The parts of the docstrings that the estimators share."""

from functools import partial

from ..docstrings import document as document_parts

X_DOC = """
X : any accepted form of sequences
    - 3-D array (n_sequences, n_steps, n_channels);
    - list, tuple or 1-D object array of arrays (n_steps, n_channels) or (n_steps,), of any lengths;
    - :class:`~sklstm.Sequences`, which a table with one row per step becomes by ``Sequences.from_long``;
    - Arrow or polars column of lists, awkward array, as :meth:`Sequences.from_arrow <sklstm.Sequences.from_arrow>` reads them;
    - 2-D array or DataFrame (n_sequences, n_steps * n_channels), each row a flattened sequence, step by step.

    A list or tuple of lists of numbers is a list of univariate sequences, even if they are equally long. A model of 3-D or
    ragged X reads a 2-D X as above if its rows have as many steps as sequences had in `fit`; a single sequence x is passed as
    ``[x]``. Values must be finite; :class:`~sklstm.preprocessing.PerStep` with an imputer fills missing ones. The notes of
    :class:`~sklstm.Sequences` say how data structures of aeon, sktime, tslearn and Keras become X.
"""

Y_DOC = """
y : array-like of shape (n_sequences,) or (n_sequences, n_outputs)
    Targets or class labels. With `return_sequences` one for every step: a list of arrays (n_steps,) or (n_steps,
    n_outputs), an array (n_sequences, n_steps) or (n_sequences, n_steps, n_outputs), or :class:`~sklstm.Sequences`. A
    step is left out of training and scores where y has the mask value: NaN or None for quantities and labels, and -100
    for labels that are numbers. Where X has ids, a pandas Series or DataFrame (by its index), a dict (by its keys) and
    `Sequences` with ids are brought into the order of X, and so are weights.
"""

ARCHITECTURE_DOC = """
hidden_size : int or tuple of int, default=64
    Units of each recurrent layer, in each direction; a tuple gives each layer its own.
num_layers : int, default=1
    Recurrent layers, each reading the outputs of the one before. With a tuple for `hidden_size`, leave it at 1 or let
    it agree.
cell : {"lstm", "peephole", "coupled", "layernorm", "gru", "gru_reset_before", "rnn"}, default="lstm"
    What a unit computes; the equations are in the notes. An LSTM, as it is, with gates that see the cell state, with the
    forget gate deciding what is admitted, or with layer normalisation; a GRU that applies its reset gate after the
    recurrent product, as PyTorch and cuDNN, or before it, as first published; or the vanilla network.
activation : {"tanh", "relu"}, default="tanh"
    Of the candidate and the state. With "relu" states may grow without bound: use it with care on long sequences.
bidirectional : bool, default=False
    Let a second set of units in every layer read each sequence from its last step to its first.
merge_mode : {"concat", "sum"}, default="concat"
    How the outputs of the two directions become one. Without effect on one direction.
pooling : {"last", "mean", "max", "attention"}, default="last"
    What the linear head sees of the last layer: its state after the last step (of a reverse direction: after the
    first), the mean or the largest value of every unit over the steps, or a mean with learned weights, which
    `attention` shows. With `return_sequences` the head sees every step, and this is not used.
dropout : float, default=0.0
    Share of entries that training drops at random from the input of every layer but the first, and from what the head
    sees.
recurrent_dropout : float, default=0.0
    Share of units whose state training hides from the recurrence, the same through all steps of a sequence [5]_.
residual : bool, default=False
    Add the input of a layer to its output. Layers after the first must be equally wide; the first takes part if X (with
    its embeddings) has as many channels as the layer outputs. Where both directions end in a sum, ``pooling="last"`` adds
    the input of the last step.
return_sequences : bool, default=False
    Learn and predict a target for every step instead of every sequence, as in sequence labelling, language models and forecasts
    at each step. Losses, weights, `score` and early stopping are then over the steps; a step whose y is {mask} is left
    out of them. For other metrics in searches and cross-validation see :func:`sklstm.metrics.step_scorer`.
categorical_features : "all", array-like of int or str, or None, default=None
    Channels whose values are codes of categories, to be looked up in a table of learned vectors. Numbers of channels,
    names of the columns of a DataFrame or of the channels of :class:`~sklstm.Sequences`, or all channels, as for sequences of
    tokens. Codes are integers; texts will do as well, and in DataFrames, also those of a list or read by
    ``Sequences.from_long``, categories of any type. They are compared by value. A value that `fit`, or the first chunk of
    `partial_fit`, did not have is unknown for good, and so is a negative code, also in `fit`. The unknown has a vector of its
    own, learned by hiding 1 in 100 values in training.
embedding_dim : "auto", int or tuple of int, default="auto"
    Width of those vectors, for all categorical channels or each. "auto" is ``round(1.6 n**0.56)`` for n values, at most
    600.
initial_state : {"zeros", "learned"}, default="zeros"
    Begin every sequence with a state of zeros, or with one that is trained.
forget_bias : float, "multiscale" or "chrono", default="multiscale"
    What the biases of the forget gates begin with. A number is that of all; 1 lets a cell keep its state for a few steps [2]_.
    "multiscale" gives every unit a time of its own, between one step and those of the longest training sequence, with
    uniform logarithms, and the bias with which it keeps its state for about that long [20]_; "chrono" does so with times that
    are uniform themselves [19]_. Both let input gates begin with the negative. Of a GRU they set the update gate, a number
    nothing.
n_channels : int, default=1
    Channels per step of a 2-D `X`, whose rows are sequences flattened step by step. Other forms of X tell their
    channels themselves.
padding : float or None, default=None
    Value of padding in a 2-D or 3-D `X`, whose rows are equally long; NaN is allowed. Steps at either end of a row whose
    channels all have this value do not belong to its sequence, so choose one that no first or last step has. None reads all
    steps. Lists and :class:`~sklstm.Sequences` have no padding. With `return_sequences`, y has the steps that remain.
standardize : bool, default=True
    Centre and scale every numeric channel by its mean and standard deviation over the training steps{standardize_y}, which
    makes a fit independent of units. The trained weights are converted to the original units, so predictions cost
    nothing more. A channel that is constant in training is ignored. With `partial_fit` the statistics are those of all
    chunks seen so far.
"""

TRAINING_DOC = """
solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
    Adam [12]_, Adam with decoupled weight decay [13]_, stochastic gradient descent with momentum [14]_, RMSprop [15]_, or SciPy's
    L-BFGS [16]_ on all sequences at once: an epoch is one iteration of it, and `batch_size`, `learning_rate` and
    `max_grad_norm` are not used. L-BFGS takes no dropout, no `checkpoint` and no `partial_fit`.
alpha : float, default=1e-3
    Strength of the L2 penalty on the weights, divided by the total sample weight of the minibatch. With ``solver="adamw"``
    the weights shrink by learning rate times alpha in every step instead (there 1e-2 is customary). Biases, gains,
    learned states and the vectors of categories are not penalised.
batch_size : int or "auto", default="auto"
    Sequences per minibatch; "auto" is an eighth of all, but at least 4 and at most 32; up to 32 sequences are one minibatch.
learning_rate : {"constant", "invscaling", "adaptive", "plateau", "cosine", "onecycle"}, default="cosine"
    How the step size changes from `learning_rate_init` on.

    - "constant": not at all.
    - "invscaling": divided by ``t_ ** power_t`` after every epoch, as in scikit-learn's MLP.
    - "adaptive": divided by 5 whenever the fit would end for lack of improvement, which it does below 1e-6.
    - "plateau": halved whenever another half of `n_iter_no_change` epochs brought no improvement.
    - "cosine": rises linearly over the part `warmup_fraction` of `max_iter` epochs, and falls to 0 along half a cosine [17]_.
    - "onecycle": from 1/25 of `learning_rate_init` up to it at three tenths of `max_iter` epochs and down to almost 0, while
      the momentum (`beta_1` of Adam) goes from 0.95 to 0.85 and back [18]_.

    A fit with one of the last two runs to its end, unless `early_stopping` ends it. `partial_fit` does not know the end,
    and takes both for "constant".
learning_rate_init : float, default=2e-2
    Step size of the solver, which `learning_rate` changes.
power_t : float, default=0.5
    Exponent of "invscaling".
warmup_fraction : float, default=0.05
    Part of the fit over which "cosine" rises.
max_iter : int or "auto", default="auto"
    Epochs (passes over the training data) at most. "auto" is 50, or on small data as many as make 2000 steps of the solver
    (500 at most); 200 for L-BFGS.
shuffle : bool, default=True
    Shuffle the sequences in every epoch. Sequences of similar length then share minibatches.
tol : float, default=1e-4
    Improvements of the loss, or with `early_stopping` of the validation score, up to this count as none.
n_iter_no_change : int or "auto", default="auto"
    Stop when more than this many epochs in a row brought no improvement; "auto" is 10, or on small data as many as make 500
    steps of the solver (LSTMs may linger on a plateau before they learn). Without `early_stopping` the weights of the last
    epoch are kept, and with a `learning_rate` that has an end the loss is not a reason to stop.
early_stopping : bool, default=False
    Set aside a part of the training data{stratified} (or use `X_val` and `y_val` of `fit`), stop by the score on it,
    and end with the weights that scored best. Where sequences come in groups (several of one person), the split does
    not keep a group together: split by group yourself and pass `X_val` and `y_val`. Does not apply to `partial_fit`.
validation_fraction : float, default=0.1
    Part of the training sequences that `early_stopping` sets aside.
max_grad_norm : float or None, default=0.25
    Gradients of a larger Euclidean norm are scaled down to it; None leaves them.
bptt_steps : int or None, default=None
    Truncate back-propagation through time to chunks of that many steps, counted back from the end of the longest
    sequence of a minibatch, with the state carried from chunk to chunk. A training step then needs memory for one chunk,
    whatever the length (predictions, and so validation, go through whole sequences); with one target per sequence it
    computes all chunks twice. None reaches back to the first step. Not for bidirectional networks.
momentum : float, default=0.9
    Momentum of `solver="sgd"`.
nesterovs_momentum : bool, default=True
    Whether that momentum is Nesterov's.
beta_1, beta_2 : float, default=0.9, 0.999
    Decay rates of Adam's moments.
rho : float, default=0.9
    Decay rate of RMSprop's mean square.
epsilon : float, default=1e-8
    Added to the denominator of Adam and RMSprop.
"""

CONTROL_DOC = """
warm_start : bool, default=False
    Let a further `fit` continue from the weights, the state of the solver and the statistics of the last one. With
    `early_stopping` it draws a validation split of its own; pass `X_val` and `y_val` to keep one.
checkpoint : str, path or None, default=None
    File to which `fit` writes where it stands after every epoch: weights, state of the solver, random numbers, history. A
    later fit of the same data with the same parameters continues from there, and ends with the same bits as one that was
    never interrupted; a file of another fit is an error, and is left as it was. The file stays when the fit is done, so
    that the same fit again has nothing left to do: delete it to train afresh. Every fit needs a file of its own, which
    those in a grid search do not have. A path to which no file can be written is an error before the first epoch; where
    writing fails later, for want of space, a warning says so and the fit continues. A leading ``~`` is the home directory.
n_jobs : int or None, default=None
    Threads. None is 1, or what :func:`joblib.parallel_config` says; -1 is all cores. A minibatch is shared among threads
    where each has at least 16 sequences (an eighth of `hidden_size` if that is more) and about a millisecond of work; a
    larger `batch_size` lets more of them help. Results have the same bits for any number.
random_state : int, RandomState or None, default=None
    Determines initial weights, shuffling, dropout, the hiding of categories and the validation split. Pass an int for
    reproducible results. None draws fresh entropy from the operating system; NumPy's global random state is neither read
    nor changed.
verbose : int or bool, default=0
    1 shows a progress bar over the epochs with the loss, the validation score, the learning rate and the time left, if tqdm is
    installed, else a line per epoch; nothing in the workers of a parallel computation. 2 prints a line per epoch everywhere.
"""

ATTRIBUTES_DOC = """
n_features_in_ : int
    Columns of a 2-D `X`, channels of any other.
feature_names_in_ : ndarray of str of shape (n_features_in_,)
    Column names, if `X` was a DataFrame with such or a list of those; channel names, if it was :class:`~sklstm.Sequences` with
    such.
n_outputs_ : int
    Units of the head.
categories_ : list of ndarray
    Values of each categorical channel that `fit` saw, in the order of the rows of its table, from row 1; row 0 stands
    for any other.
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
    The fitted parameters, in the units of `X`{and_y}. For layer k ``layer_k.W`` (inputs, G H), ``layer_k.R`` (H, G H) and
    ``layer_k.b`` (G H,), in blocks of H columns: input gate, forget gate, candidate, output gate ("coupled" has no input
    gate); for a GRU reset gate, update gate, candidate, and in b of "gru" a fourth for the recurrent part of the
    candidate. ``layer_k.p`` (3, H) are peepholes of input, forget and output gate, ``layer_k.norm`` (10, H) the gains of
    W x (4 rows), of R h (4) and of c, and the bias of c; ``layer_k.h0`` and ``layer_k.c0`` (H,) learned initial states. With
    the prefix ``layer_k.reverse.`` those of the reverse direction. ``head.V`` (features, n_outputs_), ``head.b``
    (n_outputs_,). ``attention.A``, ``attention.b``, ``attention.v`` of the pooling. ``input.E<channel>`` (1 + values, width)
    are the vectors of a categorical channel; ``input.scale`` and ``input.offset`` convert numeric channels, which come
    first, to standard units, where that cannot be moved into the first layer. `predict` uses what is written into these arrays,
    but a further `fit` with `warm_start` and `partial_fit` continue from the weights that training left, and drop it.
history_ : list of dict
    One row per epoch: ``epoch``, ``loss``, ``learning_rate`` (of its last step; None for L-BFGS), ``gradient_norm`` (mean over
    the minibatches, before clipping), ``seconds``, and with validation data ``validation_loss`` and ``validation_score``;
    for L-BFGS also ``evaluations`` of the loss.
"""

NOTES_DOC = """
A layer computes, with x_t its input at step t and h, c starting at zero, for ``cell="lstm"`` [1]_ [2]_

.. math::

    i_t &= \\sigma(x_t W_i + h_{t-1} R_i + b_i) \\qquad
    f_t = \\sigma(x_t W_f + h_{t-1} R_f + b_f) \\\\
    g_t &= \\tanh(x_t W_g + h_{t-1} R_g + b_g) \\qquad
    o_t = \\sigma(x_t W_o + h_{t-1} R_o + b_o) \\\\
    c_t &= f_t \\odot c_{t-1} + i_t \\odot g_t \\qquad\\quad
    h_t = o_t \\odot \\tanh(c_t)

The other cells differ from it as follows; with ``activation="relu"`` that takes the place of every tanh.

- "peephole" [6]_: :math:`p_i \\odot c_{t-1}` is added inside :math:`i_t`, :math:`p_f \\odot c_{t-1}` inside :math:`f_t`,
  and :math:`p_o \\odot c_t` inside :math:`o_t`.
- "coupled" [7]_: :math:`i_t = 1 - f_t`.
- "layernorm" [8]_: with :math:`N(v) = (v - \\mathrm{mean}(v)) / \\sqrt{\\mathrm{var}(v) + 10^{-5}}`, the four gates have the
  arguments :math:`\\gamma_x \\odot N(x_t W) + \\gamma_h \\odot N(h_{t-1} R) + b`, normalised together, and
  :math:`h_t = o_t \\odot \\tanh(\\gamma_c \\odot N(c_t) + \\beta_c)`.
- "gru": :math:`r_t = \\sigma(x_t W_r + h_{t-1} R_r + b_r)`, :math:`z_t = \\sigma(x_t W_z + h_{t-1} R_z + b_z)`,
  :math:`n_t = \\tanh(x_t W_n + b_n + r_t \\odot (h_{t-1} R_n + b_m))` and
  :math:`h_t = (1 - z_t) \\odot n_t + z_t \\odot h_{t-1}`.
- "gru_reset_before" [9]_: the same with :math:`n_t = \\tanh(x_t W_n + (r_t \\odot h_{t-1}) R_n + b_n)`.
- "rnn" [10]_: :math:`h_t = \\tanh(x_t W + h_{t-1} R + b)`.

Attention [11]_ weighs the outputs y_t of the last layer by the softmax over t of :math:`\\tanh(y_t A + b) v`.

The network is trained by back-propagation through all steps. W is initialised uniformly [3]_, R orthogonally gate by gate
[4]_, biases with 0, those of a forget gate as `forget_bias` says. Computation is in float32 for a float32 `X` and in float64 for
any other.
"""

REFERENCES_DOC = """
.. [1] S. Hochreiter and J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8).
.. [2] F. Gers, J. Schmidhuber and F. Cummins (2000), "Learning to forget: continual prediction with LSTM", Neural
   Computation 12(10).
.. [3] X. Glorot and Y. Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
   AISTATS.
.. [4] A. Saxe, J. McClelland and S. Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep
   linear neural networks", arXiv:1312.6120.
.. [5] Y. Gal and Z. Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks",
   NeurIPS.
.. [6] F. Gers and J. Schmidhuber (2000), "Recurrent nets that time and count", IJCNN.
.. [7] K. Greff, R. Srivastava, J. Koutnik, B. Steunebrink and J. Schmidhuber (2017), "LSTM: a search space odyssey", IEEE
   Transactions on Neural Networks and Learning Systems 28(10).
.. [8] J. Ba, J. Kiros and G. Hinton (2016), "Layer normalization", arXiv:1607.06450.
.. [9] K. Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder for statistical machine
   translation", EMNLP.
.. [10] J. Elman (1990), "Finding structure in time", Cognitive Science 14(2).
.. [11] D. Bahdanau, K. Cho and Y. Bengio (2015), "Neural machine translation by jointly learning to align and translate",
   ICLR.
.. [12] D. Kingma and J. Ba (2015), "Adam: a method for stochastic optimization", ICLR.
.. [13] I. Loshchilov and F. Hutter (2019), "Decoupled weight decay regularization", ICLR.
.. [14] I. Sutskever, J. Martens, G. Dahl and G. Hinton (2013), "On the importance of initialization and momentum in deep
   learning", ICML.
.. [15] T. Tieleman and G. Hinton (2012), "Lecture 6.5: divide the gradient by a running average of its recent magnitude".
.. [16] R. Byrd, P. Lu, J. Nocedal and C. Zhu (1995), "A limited memory algorithm for bound constrained optimization", SIAM
   Journal on Scientific Computing 16(5).
.. [17] I. Loshchilov and F. Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", ICLR.
.. [18] L. Smith and N. Topin (2018), "Super-convergence: very fast training of neural networks using large learning rates",
   arXiv:1708.07120.
.. [19] C. Tallec and Y. Ollivier (2018), "Can recurrent neural networks warp time?", ICLR.
.. [20] S. Mahto, V. Vo, J. Turek and A. Huth (2021), "Multi-timescale representation learning in LSTM language models", ICLR.
"""

SHARED = {
    "X": X_DOC,
    "y": Y_DOC,
    "architecture": ARCHITECTURE_DOC,
    "training": TRAINING_DOC,
    "control": CONTROL_DOC,
    "attributes": ATTRIBUTES_DOC,
    "notes": NOTES_DOC,
    "references": REFERENCES_DOC,
}

document = partial(document_parts, SHARED)  # document(**words)
