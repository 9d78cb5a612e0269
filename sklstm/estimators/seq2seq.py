"""`LSTMSeq2Seq`."""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..compat import Interval, StrOptions, _fit_context
from ..network import ATTENTIONS, LOSSES
from ..network.checks import is_count
from ..sequences.outputs import TOKENS, read_n_steps, read_outputs, restored
from ..sequences.parts import offsets_of
from ..sequences.refusals import refused_as
from ..sequences.targets import code_of_each, read_sample_weight
from ..sequences.alignment import in_order_of
from ..sequences.validation import numpy_alone
from .architecture import encoder_decoder_spec
from .base import BaseNetworkEstimator
from .constraints import CONSTRAINTS, POSITIVE_INT, UNIT_INTERVAL
from .copies import at_this_moment
from .decoding import attention_weights, codes_with_ends, log_likelihoods, predict_numbers, search
from .fitting import supports_partial_fit
from .output_documentation import document
from .output_target import OF_NUMBERS, OF_TOKENS, Y_AND_WEIGHTS, check_same_meaning, codes_of_outputs, read_output_target
from .source import read_source

OF_STEPS = {"pooling", "return_sequences", "bptt_steps"}  # which an encoder-decoder does not have


def _has_attention(estimator):
    """Whether the fitted network, or the one that will be fitted, has attention; raises where not."""
    spec = vars(estimator).get("_network_spec")
    if (spec["attention"] if spec else estimator.attention) is None:
        raise AttributeError('attention_weights needs a model with attention. Fit with attention="dot" or "additive".')
    return True


def _predicts_tokens(estimator):
    """Whether a fitted model predicts tokens; raises where it predicts numbers."""
    if "_network_spec" in vars(estimator) and "classes_" not in vars(estimator):
        raise AttributeError("log_likelihood is for models that were fitted on tokens; this one predicts numbers. Use score.")
    return True


@document(
    standardize_y=", and numbers in y likewise",
    stratified="",
    loss_units=", of numbers in standard units",
    validation_score="Share of tokens that are right given the true ones before them, or for numbers the coefficient of determination"
    " given the true ones before,",
)
class LSTMSeq2Seq(BaseNetworkEstimator):
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
        Fraction of the probability that training spreads evenly over all tokens. Ignored for numbers.
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
        Fitted parameters by name, in the units of the data. The arrays are read-only; `set_weights` replaces them. The encoder and
        the decoder have those of :class:`~sklstm.LSTMClassifier`, as ``encoder.layer_k.W``, ``decoder.layer_k.W`` and so on;
        ``decoder.input.E0`` has the vectors of the start and of the tokens. ``bridge.layer_k`` maps the last states of the encoder
        to the first ones of the decoder, ``attention`` has the parameters of the attention, and ``head.V``, ``head.b`` those of
        the scores of the end of the output, of each token, and with ``unknown="map"`` of an unknown one.
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

        a_{ts} = \\mathrm{softmax}_s(d_t^T A e_s) \\quad\\text{or}\\quad \\mathrm{softmax}_s(v^T \\tanh(A d_t + B e_s)), \\qquad
        c_t = \\sum_s a_{ts} e_s, \\qquad \\tilde d_t = \\tanh([c_t; d_t] C + b)

    and the head reads :math:`\\tilde d_t`, or :math:`d_t` without attention. The layers of the decoder are as many and as wide as
    those of the encoder, and have one direction. Their first states are affine functions of the last states of the same layer of
    the encoder. The decoder of tokens first reads a start symbol, and the output ends where it writes an end symbol; that of numbers
    first reads the mean of y. If X has categories, a tuple for `embedding_dim` has one further entry for the tokens of y.

    A beam keeps the hypotheses with the highest probabilities. Complete ones are compared by the mean logarithm of the probability
    per token, so that short ones have no advantage; of those, `predict` returns the best that is at least as likely as the output of
    greedy search. An output has at least one token, and at most `max_length_`.

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
            All tokens that any chunk may have, at the first call; characters may be given as one text. None is those of the first
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

    @document()
    def predict(self, X, *, n_best=None, n_steps=None):
        """Predict the outputs.

        Parameters
        ----------
        <<source>>
        n_best : int, default=None
            Number of alternatives to return for each sequence, of tokens only. The beam is at least that wide. None returns the
            best output alone.
        n_steps : int or array-like of int of shape (n_sequences,), default=None
            Number of steps to predict, of numbers only. None is the length of the outputs in training, if all had the same.

        Returns
        -------
        outputs : list of str, list of lists, list of ndarray, ndarray or Sequences
            Outputs in the form of the y of `fit`. An array becomes a list if lengths differ. With `n_best`, a list with the
            alternatives of each sequence, in this form, the best first; there are fewer if fewer exist.
        log_probabilities : list of ndarray of shape (n_alternatives,)
            Only with `n_best`: logarithms of their probabilities, as from `log_likelihood`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid or has other channels than in `fit`, or if `n_best` or `n_steps` is not as described.
        """
        check_is_fitted(self)
        model = at_this_moment(self)
        is_numeric = model._y_format["is_numeric"]
        if n_best is not None and (is_numeric or not is_count(n_best, 1)):
            raise ValueError(
                "n_best is for tokens, of which there are alternatives; this model predicts numbers. Leave it out."
                if is_numeric
                else f"n_best must be an int of at least 1 or None, got {n_best!r}."
            )
        if n_steps is not None and not is_numeric:
            raise ValueError("n_steps is for numbers: the model predicts where outputs of tokens end. Leave n_steps out.")
        sequences = model._read_fitted(X)
        if is_numeric:
            parts = predict_numbers(model, sequences, model._n_steps_of(n_steps, len(sequences)))
            return model._restored(np.concatenate(parts), offsets_of(list(map(len, parts))), sequences.ids)
        found = search(model, sequences, n_best or 1)
        if n_best is None:
            return model._written([hypotheses[0] for hypotheses in found], sequences.ids)
        outputs = [model._written(hypotheses) for hypotheses in found]
        return outputs, [np.array([one.log_probability for one in hypotheses]) for hypotheses in found]

    def _n_steps_of(self, n_steps, n_sequences):
        shortest, longest = self._target_lengths
        if n_steps is None and shortest != longest:
            raise ValueError(
                f"The outputs in training had {shortest} to {longest} steps: pass n_steps, the number of steps to predict, or one"
                " for each sequence."
            )
        return read_n_steps(longest if n_steps is None else n_steps, n_sequences)

    def _written(self, hypotheses, ids=None):
        """Outputs in the form of y."""
        codes = np.concatenate([one.codes for one in hypotheses]) - 1
        return self._restored(codes, offsets_of([len(one.codes) for one in hypotheses]), ids, self.classes_)

    def _restored(self, values, offsets, ids, classes=None):
        return restored(values, offsets, self._y_format, ids, self.tokens, classes)

    @available_if(_predicts_tokens)
    @document()
    def log_likelihood(self, X, y):
        """Return the logarithm of the probability of given outputs; of models that predict tokens.

        Parameters
        ----------
        <<source>>
        <<outputs>>

        Returns
        -------
        ndarray of shape (n_sequences,)
            Logarithm of the probability of each output, its end included, in float64.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or y is invalid, or if y has a token that did not occur in `fit`, unless ``unknown="map"``.
        """
        check_is_fitted(self)
        model = at_this_moment(self)
        sequences = model._read_fitted(X)
        return log_likelihoods(model, sequences, *model._read_codes(y, sequences))

    def _read_given(self, y, sequences):
        """y as `Outputs` of what the model predicts."""
        with numpy_alone(), refused_as("y", Y_AND_WEIGHTS):
            outputs = read_outputs(y, sequences, self.tokens, "numbers" if self._y_format["is_numeric"] else None)
            check_same_meaning(outputs, vars(self))
            return outputs

    def _read_codes(self, y, sequences):
        return codes_of_outputs(self._read_given(y, sequences), self.classes_, self._unknown)

    @property
    def _unknown(self):
        """What is done with unknown tokens, by the network."""
        return "map" if self._network_spec["output_size"] > len(self.classes_) + 1 else "error"

    @available_if(_has_attention)
    @document()
    def attention_weights(self, X, y=None):
        """Return how much the decoder attends to each step of X at each step of the output.

        Parameters
        ----------
        <<source>>
        y : as in fit, default=None
            Outputs that the decoder reads. None takes those that `predict` returns; of numbers as many steps as the outputs in
            training had.

        Returns
        -------
        list of ndarray of shape (n_output_steps, n_steps)
            Attention weights. The weights of a step of the output are positive and sum to 1.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        AttributeError
            If the model has no attention.
        ValueError
            If X or y is invalid.

        See Also
        --------
        sklstm.inspection.AlignmentDisplay : Picture of these weights.
        """
        check_is_fitted(self)
        model = at_this_moment(self)
        sequences = model._read_fitted(X)
        if not model._y_format["is_numeric"]:
            if y is None:
                codes, offsets = codes_with_ends([found[0] for found in search(model, sequences)])
            else:
                codes, offsets = model._read_codes(y, sequences)
            weights = attention_weights(model, sequences, codes[:, np.newaxis], offsets)
            return [of_one[:-1] for of_one in weights]  # without that of the end
        if y is None:
            parts = predict_numbers(model, sequences, model._n_steps_of(None, len(sequences)))
            return attention_weights(model, sequences, np.concatenate(parts), offsets_of(list(map(len, parts))))
        outputs = model._read_given(y, sequences)
        return attention_weights(model, sequences, outputs.values, outputs.offsets)

    def score(self, X, y, sample_weight=None):
        """Return the share of outputs that are entirely right, or for numbers the coefficient of determination.

        Parameters
        ----------
        X : list of str, or any accepted form of sequences
            Sequences as in `fit`.
        y : as in fit
            True outputs.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences.

        Returns
        -------
        float
            Share between 0 and 1, or for numbers the coefficient of determination over all steps, each predicted from the
            predictions before it.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or y is invalid.
        """
        check_is_fitted(self)
        model = at_this_moment(self)
        sequences = model._read_fitted(X)
        outputs = model._read_given(y, sequences)
        with numpy_alone(), refused_as("sample_weight", Y_AND_WEIGHTS):
            weights = read_sample_weight(in_order_of(sequences.ids, "sample_weight", sample_weight), len(sequences))
        lengths = outputs.lengths
        if outputs.form["is_numeric"]:
            predicted = np.concatenate(predict_numbers(model, sequences, lengths))
            parts = outputs.values, predicted, np.repeat(weights, lengths)
            return float(LOSSES[model._network_spec["loss"]].score(*parts, model._network_spec["loss_parameters"]))
        found = [hypotheses[0].codes for hypotheses in search(model, sequences)]
        true = np.split(code_of_each(outputs.values, model.classes_) + 1, outputs.offsets[1:-1])
        return float(np.average([np.array_equal(*pair) for pair in zip(true, found, strict=True)], weights=weights))

    def _read_X(self, X, *, reset):
        return read_source(self, X, reset=reset)

    def _read_target(self, y, sample_weight, sequences, role, known, classes=None):
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
