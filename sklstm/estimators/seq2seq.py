"""`LSTMSeq2Seq`."""

from numbers import Real
from typing import ClassVar

from sklearn.utils.metaestimators import available_if

from ..compat import Interval, StrOptions, _fit_context
from ..network import ATTENTIONS
from ..sequences.outputs import TOKENS
from .architecture import encoder_decoder_spec
from .base import BaseNetworkEstimator
from .constraints import CONSTRAINTS, POSITIVE_INT, UNIT_INTERVAL
from .fitting import supports_partial_fit
from .output_documentation import document
from .output_target import OF_NUMBERS, OF_TOKENS, read_output_target
from .predicting_outputs import PredictOutputsMixin
from .source import read_source

OF_STEPS = {"pooling", "return_sequences", "bptt_steps"}  # which an encoder-decoder does not have


@document(
    standardize_y=", and numbers in y likewise",
    stratified="",
    loss_units=", of numbers in standard units",
    validation_score="Share of tokens that are right given the true ones before them, or for numbers the coefficient of"
    " determination given the true ones before,",
)
class LSTMSeq2Seq(PredictOutputsMixin, BaseNetworkEstimator):
    """Recurrent encoder and decoder with attention that maps sequences to sequences of other lengths.

    For translation, transliteration, normalisation of texts, spelling to pronunciation, and for forecasts and trajectories of
    several steps. The encoder reads a sequence, and the decoder writes the output step by step: each step reads the one before.

    Parameters
    ----------
    <<layers>>
    <<rates>>
    <<encoder-decoder>>
    <<inputs>>
    loss : {"auto", "log_loss", "squared_error", "absolute_error"}, default="auto"
        Loss that training minimises, as a mean over the steps of all outputs: for tokens the log-loss, for numbers half the
        squared error or the absolute error. "auto" is "squared_error" if y holds floats, else "log_loss".
    <<training>>
    <<moments>>
    label_smoothing : float, default=0.0
        Fraction of the probability that training spreads evenly over all tokens and the end of the output. Ignored for numbers.
    temperature : float or "auto", default="auto"
        Number that the scores of tokens are divided by before they become probabilities, as for
        :class:`~sklstm.LSTMClassifier`. Ignored for numbers.
    <<control>>

    Attributes
    ----------
    classes_ : ndarray of shape (n_tokens,)
        Tokens of y, sorted. Only defined for tokens.
    max_length_ : int
        Largest number of steps of an output.
    temperature_ : float
        Number that the scores are divided by. Only defined for tokens.
    <<attributes>>
    weights_ : dict of str to ndarray
        Fitted parameters by name, in the units of the data. The arrays are read-only; `set_weights` replaces them. The encoder
        and the decoder have those of :class:`~sklstm.LSTMClassifier`, as ``encoder.layer_k.W``, ``decoder.layer_k.W`` and so on;
        ``decoder.input.E0`` has the vectors of the start and of the tokens. ``bridge.layer_k`` maps the last states of the
        encoder to the first ones of the decoder, ``attention`` has the parameters of the attention, and ``head.V``, ``head.b``
        those of the scores of the end of the output, of each token, and with ``unknown="map"`` of an unknown one.
    <<history_>>

    See Also
    --------
    LSTMClassifier : One label for each sequence, or for each of its steps.
    sklstm.inspection.AlignmentDisplay : Picture of the attention.
    sklstm.metrics.edit_distance_rate : Distance of outputs.
    sklstm.preprocessing.SequenceTokenizer : Other ways to split texts.

    Notes
    -----
    With e_s the outputs of the encoder's last layer and d_t those of the decoder's, attention computes

    .. math::

        a_t(s) = \\mathrm{softmax}_s(l_t(s)), \\qquad c_t = \\sum_s a_t(s) e_s, \\qquad
        \\tilde d_t = \\tanh([c_t; d_t] C + b)

    with the logits :math:`l_t(s) = d_t^T A e_s` for "dot" and :math:`v^T \\tanh(A d_t + B e_s)` for "additive", and the head
    reads :math:`\\tilde d_t`, or :math:`d_t` without attention. The layers of the decoder are as many and as wide as
    those of the encoder, and have one direction. Their first states are affine functions of the last states of the same layer of
    the encoder. The decoder of tokens first reads a start symbol, and the output ends where it writes an end symbol; that of
    numbers first reads the mean of y. If X has categories, a tuple for `embedding_dim` has one further entry for the tokens of y.
    Computations use float32 if X is float32, texts or tokens, and float64 otherwise.

    A beam keeps the hypotheses with the highest probabilities. Complete ones are compared by the mean logarithm of the
    probability per token, so that short ones have no advantage; of those, `predict` returns the best that is at least as likely
    as the output of greedy search. An output has at least one token, and at most `max_length_`.

    Choosing the length of the training, `early_stopping` and the validation curves judge each step given the true ones before it,
    not whole outputs.

    References
    ----------
    .. [1] I. Sutskever, O. Vinyals and Q. Le (2014), "Sequence to sequence learning with neural networks", NeurIPS.
    .. [2] D. Bahdanau, K. Cho and Y. Bengio (2015), "Neural machine translation by jointly learning to align and translate",
       ICLR.
    .. [3] T. Luong, H. Pham and C. Manning (2015), "Effective approaches to attention-based neural machine translation", EMNLP.
    .. [4] S. Bengio, O. Vinyals, N. Jaitly and N. Shazeer (2015), "Scheduled sampling for sequence prediction with recurrent
       neural networks", NeurIPS.

    Examples
    --------
    Words backwards:

    >>> import numpy as np
    >>> from sklstm import LSTMSeq2Seq
    >>> rng = np.random.default_rng(0)
    >>> X = ["".join(rng.choice(list("abc"), rng.integers(1, 5))) for _ in range(300)]
    >>> y = [text[::-1] for text in X]
    >>> model = LSTMSeq2Seq(16, max_iter=30, random_state=0).fit(X, y)
    >>> model.predict(["abc", "cab"])
    ['cba', 'bac']
    >>> model.attention_weights(["abc"])[0].shape
    (3, 3)
    """

    _parameter_constraints: ClassVar = {
        **{name: known for name, known in CONSTRAINTS.items() if name not in OF_STEPS},
        "attention": [StrOptions(set(ATTENTIONS)), None],
        "scheduled_sampling": [UNIT_INTERVAL],
        "tokens": [StrOptions(set(TOKENS))],
        "unknown": [StrOptions({"error", "map"})],
        "max_length": [StrOptions({"auto"}), POSITIVE_INT],
        "beam_width": [POSITIVE_INT],
        "loss": [StrOptions({"auto", *OF_TOKENS, *OF_NUMBERS})],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "temperature": [StrOptions({"auto"}), Interval(Real, 1e-3, 1e3, closed="both")],
    }

    def __init__(
        self,
        hidden_size=64,
        num_layers=1,
        *,
        cell="lstm",
        activation="tanh",
        proj_size=0,
        bidirectional=False,
        merge_mode="concat",
        dropout=0.0,
        recurrent_dropout=0.0,
        residual=False,
        attention="dot",
        scheduled_sampling=0.0,
        tokens="characters",
        unknown="error",
        max_length="auto",
        beam_width=1,
        categorical_features=None,
        embedding_dim="auto",
        missing="error",
        input_dropout=0.0,
        time_feature=None,
        initial_state="zeros",
        forget_bias="multiscale",
        n_channels=1,
        padding=None,
        standardize=True,
        loss="auto",
        solver="adam",
        alpha=1e-5,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=2e-2,
        power_t=0.5,
        warmup_fraction=0.05,
        max_iter="auto",
        shuffle=True,
        tol=1e-4,
        n_iter_no_change="auto",
        early_stopping="auto",
        scoring="loss",
        validation_fraction=0.1,
        max_grad_norm=0.25,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        rho=0.9,
        epsilon=1e-8,
        label_smoothing=0.0,
        temperature="auto",
        warm_start=False,
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cell = cell
        self.activation = activation
        self.proj_size = proj_size
        self.bidirectional = bidirectional
        self.merge_mode = merge_mode
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.residual = residual
        self.attention = attention
        self.scheduled_sampling = scheduled_sampling
        self.tokens = tokens
        self.unknown = unknown
        self.max_length = max_length
        self.beam_width = beam_width
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
        self.missing = missing
        self.input_dropout = input_dropout
        self.time_feature = time_feature
        self.initial_state = initial_state
        self.forget_bias = forget_bias
        self.n_channels = n_channels
        self.padding = padding
        self.standardize = standardize
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.warmup_fraction = warmup_fraction
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.max_grad_norm = max_grad_norm
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.rho = rho
        self.epsilon = epsilon
        self.label_smoothing = label_smoothing
        self.temperature = temperature
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @document()
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, sample_weight_val=None, groups=None):
        """Train the network.

        Parameters
        ----------
        <<source>>
        <<outputs>>
        <<weights of outputs>>
        X_val, y_val : as X and y, default=None
            Validation data, as in :meth:`LSTMClassifier.fit <sklstm.LSTMClassifier.fit>`.
        sample_weight_val : array-like of shape (n_val_sequences,), default=None
            Weights of the validation sequences.
        groups : array-like of shape (n_sequences,), default=None
            Labels of groups, which `early_stopping` holds out as a whole.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, a weight or a hyper-parameter is invalid, or if `checkpoint` is a file of another fit. The estimator is
            unchanged.
        KeyboardInterrupt
            If the fit is interrupted from the keyboard. Completed epochs are kept, as in
            :meth:`LSTMClassifier.fit <sklstm.LSTMClassifier.fit>`, which also says what `fit` warns of.
        """
        return super().fit(X, y, sample_weight, X_val, y_val, sample_weight_val, groups)

    @available_if(supports_partial_fit)
    @document()
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on a chunk of data.

        Parameters
        ----------
        <<source>>
        <<outputs>>
        classes : array-like of shape (n_tokens,) or str, default=None
            All tokens that any chunk may have, at the first call; a text is split as `tokens` says. None is those of the first
            chunk.
        <<weights of outputs>>

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, a weight or a hyper-parameter is not as described, or if y has a token that is not among those of the first
            call, unless ``unknown="map"``.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def _read_X(self, X, *, reset):
        return read_source(self, X, reset=reset)

    def _read_target(self, y, sample_weight, sequences, role, known, classes=None, form=None):
        return read_output_target(self, y, sample_weight, sequences, role, known, classes)

    def _make_spec(self, n_channels, target, form):
        return encoder_decoder_spec(self, n_channels, target, form)

    @property
    def _unit(self):
        return "steps"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.string = True
        return tags
