"""Paragraphs that the docstrings of the estimators share, for `document`; words in braces are given by each class.

<<X>>
X : any accepted form of sequences
    Sequences of steps, in one of these forms:

    - 3-D array (n_sequences, n_steps, n_channels);
    - list, tuple or 1-D object array of arrays (n_steps, n_channels) or (n_steps,), of any lengths;
    - :class:`~sklstm.Sequences`; ``Sequences.from_long`` makes one from a table with one row per step;
    - Arrow or polars column of lists, or awkward array, as in :meth:`Sequences.from_arrow <sklstm.Sequences.from_arrow>`;
    - 2-D array or DataFrame (n_sequences, n_steps * n_channels), each row a flattened sequence, step by step.

    A list or tuple of lists of numbers is a list of univariate sequences, even if all have the same length. A single
    sequence x is passed as ``[x]``. A model that was fitted on 3-D or ragged X also reads a 2-D X, if its rows have as
    many steps as the sequences in `fit`. Values must be finite, or NaN where `missing` allows it;
    :class:`~sklstm.preprocessing.PerStep` with an imputer fills missing ones.
    :func:`~sklstm.preprocessing.with_static` attaches static features, a table with one row for each sequence.
    :meth:`Sequences.with_times <sklstm.Sequences.with_times>` attaches times of the steps. The notes of
    :class:`~sklstm.Sequences` show how to convert data of aeon, sktime, tslearn and Keras.

<<y>>
y : array-like of shape (n_sequences,) or (n_sequences, n_outputs)
    Class labels or target values. With `return_sequences`, y has an entry for every step. It is then a list of arrays
    (n_steps,) or (n_steps, n_outputs), an array (n_sequences, n_steps) or (n_sequences, n_steps, n_outputs), or
    :class:`~sklstm.Sequences`. Steps whose y is NaN or None are excluded from training and scores, as are steps
    labelled -100 if the labels are numbers. For ``loss="ctc"`` of a classifier y has a sequence of labels for each sequence of
    X: a list of texts, whose characters are labels, a list of arrays or lists, an array that may be padded at the end with such
    values, or `Sequences`. If X has ids, a y that carries ids is brought into the order of X. This
    applies to a pandas Series or DataFrame (ids in the index), a dict (ids as keys) and `Sequences` with ids, and also
    to weights.

<<layers>>
hidden_size : int or tuple of int, default=64
    Number of units per layer and direction. A tuple gives the number for each layer.
num_layers : int, default=1
    Number of recurrent layers, each of which reads the outputs of the layer before it. If `hidden_size` is a tuple,
    leave this at 1 or set it to the length of the tuple.
cell : {"lstm", "peephole", "coupled", "layernorm", "gru", "gru_reset_before", "rnn"}, default="lstm"
    Type of the recurrent units. The notes give the equations.

    - "lstm": LSTM with forget gates.
    - "peephole": LSTM whose gates also read the cell state.
    - "coupled": LSTM whose input gate is one minus its forget gate.
    - "layernorm": LSTM with layer normalisation.
    - "gru": gated recurrent unit, with the reset gate applied after the recurrent product, as in PyTorch and cuDNN.
    - "gru_reset_before": gated recurrent unit, with the reset gate applied before the product, as first published.
    - "rnn": simple (Elman) recurrent network.
activation : {"tanh", "relu"}, default="tanh"
    Activation of the candidate and of the state. With "relu" the state is unbounded and can overflow on long sequences.
proj_size : int, default=0
    Number of values per direction to which each layer projects the output of its units, less than their number (Sak, Senior
    and Beaufays 2014, "Long short-term memory recurrent neural network architectures for large scale acoustic modeling"); 0
    for no projection. The projection is the hidden state: the output of the layer and what its gates read at the next step,
    so that many units need few weights. Available for the cells "lstm", "peephole", "coupled" and "layernorm".
bidirectional : bool, default=False
    Whether every layer has a second set of units that reads the sequence from its last step to its first.
merge_mode : {"concat", "sum"}, default="concat"
    How to combine the outputs of the two directions: side by side or added. Ignored unless `bidirectional` is True.

<<pooling>>
pooling : {"last", "mean", "max", "attention"} or tuple of these, default=("last", "max")
    How to reduce the outputs of the last layer to one vector per sequence, the input of the head (the linear output
    layer). A tuple of different names, such as ``("last", "max")``, puts their results side by side (concat pooling
    [22]_). Ignored with `return_sequences`, where the head reads the output of every step.

    - "last": output after the last step; for the reverse direction, after the first step.
    - "mean": mean over the steps.
    - "max": maximum of each unit over the steps.
    - "attention": weighted mean over the steps with learned weights, which the method `attention` returns.

<<rates>>
dropout : float, default=0.0
    Fraction of inputs that training sets to zero at random, in [0, 1). It applies to every layer but the first and to the head.
recurrent_dropout : float, default=0.0
    Fraction of the units whose state training hides from the recurrence, in [0, 1). The same units are hidden at all
    steps of a sequence [5]_.
residual : bool, default=False
    Whether to add the input of each layer to its output. All layers after the first must then have the same width.
    The first layer takes part if its input, embeddings included, is as wide as its output. With ``merge_mode="sum"``
    and ``pooling="last"``, the input of the last step is added.

<<return_sequences>>
return_sequences : bool, default=False
    Whether to predict a target for every step instead of one per sequence, as in sequence labelling, language models
    and forecasts at each step. The loss, weights, `score` and early stopping then refer to steps. Steps whose y is
    {mask} are excluded. For other metrics in searches and cross-validation, see :func:`sklstm.metrics.step_scorer`.

<<inputs>>
categorical_features : "all", array-like of int or str, or None, default=None
    Channels that hold categories, whose values are replaced by learned vectors (embeddings). Channels are given by
    number, or by the names of DataFrame columns or of the channels of :class:`~sklstm.Sequences`. "all" suits
    sequences of tokens. The values are integer codes or texts. DataFrames, also in a list or read by
    ``Sequences.from_long``, may hold categories of any type. Categories are compared by value. A value that did not
    occur in `fit`, or in the first chunk of `partial_fit`, is treated as unknown, and so is a negative code. All
    unknown values share one vector, which is trained by hiding 1 in 100 values.
embedding_dim : "auto", int or tuple of int, default="auto"
    Width of the embeddings: one number for all categorical channels, or a tuple with one per categorical channel.
    "auto" is ``round(1.6 n**0.56)`` for n values, at most 600. Categorical static features have the same width as channels,
    and with a tuple that of "auto".
missing : {"error", "indicator", "decay"}, default="error"
    What to do with missing values, NaN, of numeric channels. Missing categories and infinite values are always errors.

    - "error": raise an error, as NaN may be padding (see `padding`).
    - "indicator": the last value of the channel in the sequence takes the place of a missing one, or the mean over the
      training steps where there is none. Two further inputs for every channel say whether it has a value at the step,
      and how long ago its last one was [23]_.
    - "decay": as "indicator", but the last value decays towards the mean, at rates that are learned [24]_.

    A step without any value is a step. With `bidirectional`, the next value in the sequence, and how far away it is, are
    inputs too. The notes give the equations.
input_dropout : float, default=0.0
    Fraction of the values of numeric channels that training makes missing at random, in [0, 1), for data where values
    are missing more often later than in training. Others are drawn for every minibatch. Needs `missing` "indicator" or "decay".
time_feature : int, str or None, default=None
    Channel of X that holds the time of each step, by its number or name: numbers of any unit, which increase along each
    sequence. The network reads how much time has passed since the step before instead of the channel, and `missing` measures
    how long ago a value was seen by it. ``Sequences(..., times=)`` and ``Sequences.from_long(..., elapsed=True)`` keep times,
    dates among them, beside the channels; leave `time_feature` None then.
initial_state : {"zeros", "learned"}, default="zeros"
    State of the network before the first step: zeros, or a vector that is trained.
forget_bias : float, "multiscale" or "chrono", default="multiscale"
    Initial bias of the forget gates.

    - A number is the bias of all forget gates; with 1, a cell keeps its state for a few steps [2]_. GRUs ignore it.
    - "multiscale" assigns each unit a time scale and sets the bias with which the unit keeps its state for about that
      many steps [20]_. Time scales are log-uniform between one step and the longest training sequence.
    - "chrono" does the same with uniform time scales [19]_.

    "multiscale" and "chrono" also set the bias of the input gates to the negative value. In a GRU they set the bias of
    the update gate.
n_channels : int, default=1
    Number of channels per step of a 2-D `X`, whose rows are sequences flattened step by step. Ignored for other forms
    of X, whose shape gives the number of channels.
padding : float or None, default=None
    Value that marks padding in a 2-D or 3-D `X`, or None if every step is data. NaN is allowed. Steps at the start or
    end of a row are removed if all their channels have this value. Choose a value that no first or last step has. With
    `return_sequences`, y contains the remaining steps. Ignored for lists and :class:`~sklstm.Sequences`, which need no padding.
standardize : bool, default=True
    Whether to centre and scale each numeric channel by its mean and standard deviation over the training
    steps{standardize_y}.
    This makes the fit independent of the units of measurement. The trained weights are converted to the original
    units, so predictions need no scaling. Channels that are constant in training are ignored. `partial_fit` uses the
    statistics of all chunks seen so far.

<<training>>
solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
    Optimisation algorithm.

    - "adam": Adam [12]_.
    - "adamw": Adam with decoupled weight decay [13]_.
    - "sgd": stochastic gradient descent with momentum [14]_.
    - "rmsprop": RMSprop [15]_.
    - "lbfgs": SciPy's L-BFGS [16]_ on all sequences at once; an epoch is one iteration. It ignores `batch_size`,
      `learning_rate` and `max_grad_norm`, and does not support dropout, `checkpoint` or `partial_fit`.
alpha : float, default=1e-5
    Strength of the L2 penalty on the weights. Training minimises the weighted mean loss plus ``alpha / 2`` times the sum
    of their squares, whatever the batch size, the number of sequences and the scale of the sample weights. Useful values
    are between 1e-6 and 3e-3. From about 1e-2, and on some problems from 3e-3, the weights shrink to zero before the
    network learns anything that it has to remember, and predictions stay constant; `fit` warns then. With
    ``solver="adamw"``, each step instead shrinks the weights by the learning rate times alpha, for which 1e-2 is
    customary. Biases, gains, learned initial states and embeddings are not penalised. The alpha of scikit-learn's MLP is
    that of this network times the batch size.
batch_size : int or "auto", default="auto"
    Number of sequences per minibatch. "auto" is an eighth of the training sequences, but at least 4 and at most 32; up
    to 32 sequences form a single minibatch. Where one minibatch holds all sequences, equal ones with equal targets are
    merged into one with the sum of their weights: a weight of two is then exactly the sequence twice.
learning_rate : {"constant", "invscaling", "adaptive", "plateau", "cosine", "onecycle"}, default="cosine"
    Schedule of the learning rate.

    - "constant": `learning_rate_init` throughout.
    - "invscaling": `learning_rate_init` divided by ``t_ ** power_t``, updated after every epoch as in scikit-learn's MLP.
    - "adaptive": divided by 5 whenever training would stop for lack of improvement; training stops below 1e-6.
    - "plateau": halved after every `n_iter_no_change` / 2 epochs in a row without improvement.
    - "cosine": a linear rise over the first `warmup_fraction` of `max_iter` epochs, then half a cosine down to 0 [17]_.
    - "onecycle": a rise from 1/25 of `learning_rate_init` to all of it over the first 30 % of `max_iter` epochs, then a
      fall almost to 0. Meanwhile the momentum (`beta_1` of Adam) changes from 0.95 to 0.85 and back [18]_.

    With "cosine" and "onecycle", training runs for `max_iter` epochs unless `early_stopping` ends it. `partial_fit`
    does not know the number of epochs and treats both as "constant".
learning_rate_init : float, default=2e-2
    Learning rate (step size) that the schedule starts from or, with "cosine" and "onecycle", rises to.
power_t : float, default=0.5
    Exponent of the "invscaling" schedule.
warmup_fraction : float, default=0.05
    Fraction of the epochs over which the "cosine" schedule rises, in [0, 1).
max_iter : int or "auto", default="auto"
    Maximum number of epochs (passes over the training data). "auto" chooses it as `early_stopping` says. Its largest value
    is 50, or on small data as many as make 2000 steps of the solver, at most 500 (200 for L-BFGS);
    half of that where fits of several lengths are compared.
shuffle : bool, default=True
    Whether to shuffle the sequences in every epoch. Minibatches are then made of sequences of similar length.
tol : float, default=1e-4
    Tolerance of the stopping rule. An epoch counts as an improvement if the training loss, or with `early_stopping` the
    validation loss or score, improves by more than this.
n_iter_no_change : int or "auto", default="auto"
    Number of epochs without improvement that are tolerated in a row; training stops after one more. "auto" is 10, or on
    small data as many as make 500 steps of the solver, because LSTMs can stay on a plateau before they learn.
    ``numpy.inf`` is allowed. With `early_stopping` by the validation loss, epochs count only once that loss is clearly lower
    than the loss of a constant prediction. With the "cosine" and "onecycle" schedules this applies to `early_stopping`
    only. Without `early_stopping` the weights of the last epoch are kept.
early_stopping : bool or "auto", default="auto"
    How the length of the training is chosen.

    - "auto": if `max_iter` is "auto" too, whole fits of several lengths are compared on sequences that are held out, the
      shortest first, until a longer one is clearly worse. The network is then trained on all sequences for the length with
      the lowest loss, or for a longer one whose loss is about as low (early stopping and retraining, [21]_, algorithm 7.2).
      A quarter of the sequences is held out, at most 10,000{stratified}. The whole takes about as long as one fit of the
      full length, and less where y is noisy. With `max_iter` as an int, for fewer than 10 sequences, with groups that leave
      no such part, and in `partial_fit`, all epochs are run. A fit that continues an earlier one has the length that was
      chosen for that.
    - True: one fit stops when the loss or score on validation data no longer improves, and keeps the weights with the best
      one. They are not trained on.
    - False: all epochs are run.

    The data held out are `X_val` and `y_val` of `fit` or, without them, a random part of the training data. A random split
    does not keep groups together, such as the sequences of one person or overlapping windows of a series. For such data,
    pass `groups` to `fit`.
scoring : {"loss", "score"}, default="loss"
    What ``early_stopping=True`` compares on the validation data.

    - "loss": the loss, without the penalty and without label smoothing. Of equal epochs the last is kept.
    - "score": the value of the method `score`. Of equal epochs the first is kept.
validation_fraction : float, default=0.1
    Fraction of the training sequences that ``early_stopping=True`` sets aside, in (0, 1). Ignored if `X_val` is given.
max_grad_norm : float or None, default=0.25
    Maximum Euclidean norm of the gradient, to which larger gradients are scaled down. None disables clipping.

<<bptt_steps>>
bptt_steps : int or None, default=None
    Number of steps per chunk of truncated back-propagation through time; None disables truncation. Chunks are counted
    back from the end of the longest sequence of a minibatch, and the state is carried from chunk to chunk. A training
    step then needs memory for one chunk, whatever the length of the sequences. Predictions, also those on validation
    data, process whole sequences. With one target per sequence all chunks are computed twice. Not available for
    bidirectional networks.

<<moments>>
momentum : float, default=0.9
    Momentum of ``solver="sgd"``, in [0, 1).
nesterovs_momentum : bool, default=True
    Whether ``solver="sgd"`` uses Nesterov's momentum.
beta_1, beta_2 : float, default=0.9, 0.999
    Decay rates of Adam's estimates of the first and second moment, in [0, 1).
rho : float, default=0.9
    Decay rate of RMSprop's mean squared gradient, in [0, 1).
epsilon : float, default=1e-8
    Positive number added to the denominator of Adam and RMSprop.

<<control>>
warm_start : bool, default=False
    Whether `fit` continues from the weights, solver state and statistics of the previous fit. With ``early_stopping=True``,
    each fit draws a new validation split; pass `X_val` and `y_val` to keep the same data.
checkpoint : str, path or None, default=None
    File in which `fit` saves the weights, solver state, random generator and history after every epoch. A later fit of
    the same data with the same parameters continues from this file. It ends with the same bits as a fit that was never
    interrupted. The file has NumPy's format (``.npz``); a leading ``~`` in its name is the home directory.

    The file is kept when training ends, so the same fit has nothing left to do: delete the file to train again. A file
    of another fit is an error and is not changed. Each fit needs its own file, so do not set this in a grid search. A
    path that cannot be written is an error before the first epoch. If writing fails later, for example on a full disk,
    a warning says so and training continues.
n_jobs : int or None, default=None
    Number of threads of `fit` and of the methods that predict. None means 1, or the number set by
    :func:`joblib.parallel_config`; -1 means all cores. A minibatch is divided among threads if each gets at least 16
    sequences (or `hidden_size` / 8, if that is more) and about two milliseconds of work. Otherwise threads share each
    time step, of a minibatch that takes a tenth of a millisecond or more. Predictions for many sequences divide these
    among threads; for few, threads share each time step. Streams run on one thread. Threads start when they are first
    needed, and sleep between calls. Results have the same bits for any number of threads.
random_state : int, RandomState or None, default=None
    Seed or generator of the initial weights, shuffling, dropout, hiding of categories and validation split. Pass an int
    for reproducible results. None draws a seed from the operating system. NumPy's global random state is neither read
    nor changed.
verbose : int or bool, default=0
    Amount of output.

    - 0: none.
    - 1: a progress bar with the loss, validation score, learning rate and remaining time, or without tqdm a line per
      epoch. Workers of a parallel computation print nothing.
    - 2: a line per epoch, also in workers.

<<attributes>>
n_features_in_ : int
    Number of columns if `X` was 2-D, else number of channels.
feature_names_in_ : ndarray of str of shape (n_features_in_,)
    Names of the columns, if `X` was a DataFrame or a list of DataFrames, or of the channels, if it was
    :class:`~sklstm.Sequences`. Only defined if all names are strings.
n_outputs_ : int
    Number of outputs of the head.
categories_ : list of ndarray
    Values of each categorical channel that occurred in `fit`. Value k is row k + 1 of the channel's embedding; row 0 is
    for unknown values.
median_gap_ : float
    Median of the time between consecutive steps in training, in seconds for dates and durations; weighted as training is.
    Networks read times divided by it. Only defined for X with times.
static_names_in_ : ndarray of str of shape (n_static_features,)
    Names of the static features. Only defined if X had such, and all names are strings.
static_categories_ : list of ndarray
    Values of each categorical static feature that occurred in `fit`, as in `categories_`. Only defined if X had static
    features.
max_iter_trials_ : list of dict
    For each length that was compared, the shortest first: "max_iter", the mean "loss" on the sequences held out, and the
    "temperature" (see LSTMClassifier; 1 for a regressor). Empty if the length was not chosen.
n_iter_ : int
    Number of epochs trained.
t_ : int
    Number of training samples seen, where each sample counts once per epoch. Samples that were merged (see
    `batch_size`) count as one.
loss_curve_ : list of float
    Mean training loss in each epoch, penalty included{loss_units}.
best_loss_ : float or None
    Smallest value of `loss_curve_`; None with ``early_stopping=True``.
validation_loss_curve_ : list of float or None
    Mean loss on the validation data after each epoch, without the penalty and without label smoothing; None without
    validation data.
validation_scores_ : list of float or None
    {validation_score} on the validation data after each epoch; None without validation data.
best_validation_score_ : float or None
    Best value of `validation_scores_`; None without validation data. With ``early_stopping=True`` it is the score of the
    weights kept.
best_epoch_ : int or None
    Epoch whose weights ``early_stopping=True`` kept, as numbered in `history_`; None otherwise.

<<weights_>>
weights_ : dict of str to ndarray
    Fitted parameters by name, in the units of `X`{and_y}. The arrays are read-only; `set_weights` replaces them. H is
    the number of units, G the number of gate blocks and N the width of the hidden state of layer k, H or `proj_size`:

    - ``layer_k.W`` (inputs, G H), ``layer_k.R`` (N, G H), ``layer_k.b`` (G H,): input weights, recurrent weights and
      biases, in blocks of H columns. The blocks of an LSTM are input gate, forget gate, candidate and output gate;
      "coupled" has no input gate. The blocks of a GRU are reset gate, update gate and candidate. In "gru", b has a
      fourth block for the recurrent part of the candidate.
    - ``layer_k.p`` (3, H): peepholes of the input, forget and output gate.
    - ``layer_k.norm`` (10, H): gains of W x (4 rows), of R h (4 rows) and of c, then the bias of c.
    - ``layer_k.P`` (H, N): projection of the hidden state, with `proj_size`.
    - ``layer_k.h0`` (N,), ``layer_k.c0`` (H,): learned initial states.
    - ``layer_k.reverse.W`` and so on: the same for the reverse direction.
    - ``attention.A``, ``attention.b``, ``attention.v``: parameters of the attention pooling.
    - ``head.V`` (features, n_outputs_), ``head.b`` (n_outputs_,): weights and bias of the head. With several poolings
      the features of each follow one another, in the order of `pooling`.
    - ``crf.transitions`` (n_classes, n_classes), ``crf.start``, ``crf.end`` (n_classes,): of a classifier with
      ``structure="crf"``, scores of a label (column) after another one (row), of the first label and of the last.
    - ``input.E<channel>`` (1 + n_values, width): embedding of a categorical channel.
    - ``input.scale``, ``input.offset``: conversion of the numeric channels to standard units, where it cannot be moved
      into the first layer. Layers read the numeric channels first, then the embeddings.
    - ``input.mean``, ``input.known``: where values may be missing, the means of the numeric channels in training, and 0 for
      those without any value, which are ignored, else 1. None of these four is trained. Layers read the values of all numeric
      channels, then whether each has one, then the times; of bidirectional models, then the next values and times.
    - ``input.w``, ``input.b``: rates of decay of the numeric channels, and ``input.reverse.w``, ``input.reverse.b``.

    With times the gaps are what layers read last, of bidirectional models those of either direction.

<<history_>>
history_ : list of dict
    Record of each epoch with the keys ``epoch``, ``loss``, ``learning_rate`` (of the last step; None for L-BFGS),
    ``gradient_norm`` (mean over the minibatches, before clipping) and ``seconds``. Validation data add
    ``validation_loss`` and ``validation_score``; L-BFGS adds ``evaluations``, the number of evaluations of the loss.

<<notes>>
With x_t the input of a layer at step t, and h and c its states, which start at zero, ``cell="lstm"`` computes [1]_ [2]_

.. math::

    i_t &= \\sigma(x_t W_i + h_{t-1} R_i + b_i) \\qquad
    f_t = \\sigma(x_t W_f + h_{t-1} R_f + b_f) \\\\
    g_t &= \\tanh(x_t W_g + h_{t-1} R_g + b_g) \\qquad
    o_t = \\sigma(x_t W_o + h_{t-1} R_o + b_o) \\\\
    c_t &= f_t \\odot c_{t-1} + i_t \\odot g_t \\qquad\\quad
    h_t = o_t \\odot \\tanh(c_t)

where g_t is the candidate. With ``activation="relu"`` every tanh is replaced by the rectifier. The other cells differ as
follows:

- "peephole" [6]_: :math:`p_i \\odot c_{t-1}` is added inside :math:`i_t`, :math:`p_f \\odot c_{t-1}` inside :math:`f_t`,
  and :math:`p_o \\odot c_t` inside :math:`o_t`.
- "coupled" [7]_: :math:`i_t = 1 - f_t`.
- "layernorm" [8]_: with :math:`N(v) = (v - \\mathrm{mean}(v)) / \\sqrt{\\mathrm{var}(v) + 10^{-5}}`, the arguments of the four
  gates, normalised together, are :math:`\\gamma_x \\odot N(x_t W) + \\gamma_h \\odot N(h_{t-1} R) + b`, and
  :math:`h_t = o_t \\odot \\tanh(\\gamma_c \\odot N(c_t) + \\beta_c)`.
- "gru": :math:`r_t = \\sigma(x_t W_r + h_{t-1} R_r + b_r)`, :math:`z_t = \\sigma(x_t W_z + h_{t-1} R_z + b_z)`,
  :math:`n_t = \\tanh(x_t W_n + b_n + r_t \\odot (h_{t-1} R_n + b_m))` and
  :math:`h_t = (1 - z_t) \\odot n_t + z_t \\odot h_{t-1}`.
- "gru_reset_before" [9]_: as "gru" with :math:`n_t = \\tanh(x_t W_n + (r_t \\odot h_{t-1}) R_n + b_n)`.
- "rnn" [10]_: :math:`h_t = \\tanh(x_t W + h_{t-1} R + b)`.

With `proj_size` the hidden state is multiplied by a matrix P of shape (`hidden_size`, `proj_size`), without bias:
:math:`h_t = (o_t \\odot \\tanh(c_t)) P`, and likewise for the other cells with a cell state. This :math:`h_t` is what the
recurrent weights, the next layer, the pooling and the head read.

With ``missing="indicator"`` or "decay", three inputs take the place of each numeric channel x in standard units, with
:math:`m_t` 1 where it has a value and 0 where that is missing:

.. math::

    \\hat x_t = m_t x_t + (1 - m_t) \\gamma_t x', \\qquad m_t, \\qquad \\log_2(1 + d_t)

where x' is the last value before step t, or 0 if there is none, and d_t the number of steps since then, or since the start;
the number is 1 where the step before has a value. If steps have times, d_t is the sum of the gaps since then. With
"indicator" :math:`\\gamma_t = 1`, with "decay"
:math:`\\gamma_t = \\exp(-\\max(0, w d_t + b))`, where w and b are learned for each channel.

Where X has times, the first layer also reads :math:`\\log_2(1 + \\Delta_t)`, with the gap :math:`\\Delta_t` the time since the
step before over `median_gap_`, and 1 at the first step; of bidirectional models also that of the time to the next step.

Attention pooling [11]_ weights the outputs y_t of the last layer by the softmax over t of :math:`\\tanh(y_t A + b) v`.

Gradients are computed by back-propagation through all steps, unless `bptt_steps` is set. Input weights are initialised by
the Glorot uniform rule [3]_ and recurrent weights orthogonally, gate by gate [4]_, as are projections. Biases start at 0, except
those that `forget_bias` sets. Computations use float32 for a float32 `X` and float64 otherwise.

<<references>>
.. [1] S. Hochreiter and J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9(8).
.. [2] F. Gers, J. Schmidhuber and F. Cummins (2000), "Learning to forget: continual prediction with LSTM", Neural
   Computation 12(10).
.. [3] X. Glorot and Y. Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", AISTATS.
.. [4] A. Saxe, J. McClelland and S. Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep
   linear neural networks", arXiv:1312.6120.
.. [5] Y. Gal and Z. Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks", NeurIPS.
.. [6] F. Gers and J. Schmidhuber (2000), "Recurrent nets that time and count", IJCNN.
.. [7] K. Greff, R. Srivastava, J. Koutnik, B. Steunebrink and J. Schmidhuber (2017), "LSTM: a search space odyssey", IEEE
   Transactions on Neural Networks and Learning Systems 28(10).
.. [8] J. Ba, J. Kiros and G. Hinton (2016), "Layer normalization", arXiv:1607.06450.
.. [9] K. Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder for statistical machine
   translation", EMNLP.
.. [10] J. Elman (1990), "Finding structure in time", Cognitive Science 14(2).
.. [11] D. Bahdanau, K. Cho and Y. Bengio (2015), "Neural machine translation by jointly learning to align and translate", ICLR.
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
.. [21] I. Goodfellow, Y. Bengio and A. Courville (2016), "Deep learning", chapter 7, MIT Press.
.. [22] J. Howard and S. Ruder (2018), "Universal language model fine-tuning for text classification", ACL.
.. [23] Z. Lipton, D. Kale and R. Wetzel (2016), "Directly modeling missing data in sequences with RNNs", MLHC.
.. [24] Z. Che et al. (2018), "Recurrent neural networks for multivariate time series with missing values", Scientific Reports 8.
"""

from functools import partial

from ..docstrings import document as document_parts
from ..docstrings import read_parts

SHARED = read_parts(__doc__)

document = partial(document_parts, SHARED)  # document(**words)
