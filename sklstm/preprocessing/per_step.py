"""`PerStep`: a transformer of rows, applied to the steps of sequences."""

import copy
from contextlib import suppress
from inspect import signature
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from ..compat import ADAPTERS_MANAGER, HasMethods, Interval, _check_feature_names_in, _fit_context, _get_output_config
from ..sequences import Sequences
from ..sequences.agreement import channel_names, refuse_single_sequence, seen_lengths
from ..sequences.flattened import check_columns, is_tabular
from ..sequences.refusals import refused_as
from ..sequences.step_targets import weights_of_steps, y_of_steps
from ..sequences.steps import Steps
from ..sequences.validation import X_FORMATS, array_or_list, numpy_alone, refuse_lists_of_rows
from .step_table import as_array, as_table, dense


def _inner_has(method):
    """Condition for `available_if`: the inner transformer, the fitted one if there is one, has a method."""
    # Where it has none, getattr raises, with its own reason.
    return lambda per_step: bool(getattr(vars(per_step).get("transformer_", per_step.transformer), method))


class PerStep(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Apply a scikit-learn transformer to the steps of sequences.

    The transformer gets a table with one row for each step, the steps of all sequences one after the other, and the table that it
    returns is divided into the sequences again, with the same bits. Any transformer works that returns one row for each row: a
    scaler, an imputer, PCA, an encoder, a ColumnTransformer, a whole Pipeline.

    Parameters
    ----------
    transformer : transformer
        The transformer, which is cloned before it is fitted. It also gets the missing values of X.
    n_channels : int, default=1
        Number of channels per step in a 2-D `X`, whose rows are sequences flattened step by step. Ignored for any other form of
        X, whose channels are its own.
    channel_names : array-like of str of shape (n_channels,), default=None
        Names of the channels. With names the transformer gets a pandas DataFrame, so that a ColumnTransformer can select columns
        by name. The names of `Sequences` with `channel_names` and of DataFrames take precedence, and any later X must have them
        too.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    n_features_in_ : int
        Number of columns of a 2-D `X`, or of channels of any other.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Column names, if `X` was a DataFrame or a list of DataFrames; else `channel_names`, if given and `X` was not 2-D.

    Raises
    ------
    ValueError
        By `fit` and `transform`, if X does not have one of the forms described, or if the transformer returns another number of
        rows.

    See Also
    --------
    sklstm.Sequences : Sequences of different lengths in one buffer, which PerStep does not copy.

    Notes
    -----
    A 3-D array in C order and the values of `Sequences` reach the transformer without a copy; a list is concatenated. Sparse
    results become dense, and DataFrames become arrays: `transform` returns sequences in the form of its X, such as a list of
    arrays (n_steps, n_channels_out) for a list. `set_output` has an effect for a 2-D X only; set the output of the inner
    transformer on that transformer.

    For `Sequences` with categories the transformer gets the categories and not their codes, which may differ from one X to the
    next. Channels of texts in its result become codes again, with new `categories`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklstm.preprocessing import PerStep
    >>> X = [np.array([[1.0, 10.0], [3.0, np.nan]]), np.array([[5.0, 30.0]])]
    >>> PerStep(SimpleImputer()).fit_transform(X)
    [array([[ 1., 10.],
           [ 3., 20.]]), array([[ 5., 30.]])]

    Before an estimator in a Pipeline, with parameters of the inner transformer in a search:

    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklstm import LSTMClassifier
    >>> pipe = make_pipeline(PerStep(SimpleImputer()), LSTMClassifier())
    >>> search = GridSearchCV(pipe, {"perstep__transformer__strategy": ["mean", "median"]})

    Channels by name:

    >>> from sklearn.compose import ColumnTransformer
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> columns = ColumnTransformer([("speed", StandardScaler(), ["speed"]), ("gear", OneHotEncoder(), ["gear"])])
    >>> per_step = PerStep(columns, channel_names=["speed", "gear"])
    >>> per_step.fit_transform(np.array([[[1.0, 1], [3.0, 2]], [[1.0, 2], [3.0, 2]]]))[0]
    array([[-1.,  1.,  0.],
           [ 1.,  0.,  1.]])
    >>> per_step.get_feature_names_out()
    array(['speed__speed', 'gear__gear_1.0', 'gear__gear_2.0'], dtype=object)
    """

    _parameter_constraints: ClassVar = {
        "transformer": [HasMethods(["fit", "transform"])],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "channel_names": ["array-like", None],
    }

    # The parameters of `fit` of which metadata routing has to know.
    __metadata_request__fit: ClassVar = {"sample_weight": None}
    __metadata_request__partial_fit: ClassVar = {"sample_weight": None}

    def __init__(self, transformer, *, n_channels=1, channel_names=None):
        self.transformer = transformer
        self.n_channels = n_channels
        self.channel_names = channel_names

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params):
        """Fit the transformer to the steps.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps, n_channels), list of arrays (n_steps, n_channels), Sequences, or 2-D
            Sequences in any form that the estimators accept, or a list of DataFrames with the same columns. Missing values and
            texts are allowed if the transformer accepts them.
        y : array-like, default=None
            Targets for a transformer that needs them: one entry or row for each sequence, which is repeated for its steps; or one
            for each step, as a list of arrays as long as the sequences, an array of shape (n_sequences, n_steps, n_outputs) or
            `Sequences`.
        **fit_params : dict
            Arguments of the transformer's `fit`. The argument ``sample_weight`` (for a Pipeline ``<step>__sample_weight``) is an
            array of shape (n_sequences,) with the weight of all steps of each sequence, or has a weight for every step, in the
            forms of y.

        Returns
        -------
        self
            The fitted transformer.
        """
        self._fit("fit", X, y, fit_params)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y=None, **fit_params):
        """Fit the transformer to the steps and transform them, by its own `fit_transform` if it has one.

        Parameters
        ----------
        X : any form that `fit` takes
            The sequences.
        y : array-like, default=None
            Targets for the transformer, in the forms of `fit`.
        **fit_params : dict
            Arguments of the transformer's `fit_transform`, with weights as in `fit`.

        Returns
        -------
        same form as X
            The transformed sequences, as `transform` returns them.
        """
        if not hasattr(self.transformer, "fit_transform"):
            return self.fit(X, y, **fit_params).transform(X)
        steps, values = self._fit("fit_transform", X, y, fit_params)
        return self._output(values, steps, X)

    @available_if(_inner_has("partial_fit"))
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, **fit_params):
        """Fit the transformer to a chunk of the sequences, available if it has a `partial_fit`.

        Parameters
        ----------
        X : any form that `fit` takes
            The sequences.
        y : array-like, default=None
            Targets for the transformer, in the forms of `fit`.
        **fit_params : dict
            Arguments of the transformer's `partial_fit`, with weights as in `fit`.

        Returns
        -------
        self
            The fitted transformer.
        """
        self._fit("partial_fit", X, y, fit_params)
        return self

    def transform(self, X):
        """Transform the steps.

        Parameters
        ----------
        X : any form that `fit` takes
            The sequences, with the channels of `fit`.

        Returns
        -------
        same form as X
            The transformed sequences: an array of shape (n_sequences, n_steps, n_channels_out), a list (tuple, object array,
            Series) of arrays of shape (n_steps, n_channels_out), `Sequences`, or for a 2-D X an array of shape (n_sequences,
            n_steps * n_channels_out). A list of equally long lists of numbers becomes a 3-D array.
        """
        check_is_fitted(self)
        steps = self._read(X, reset=False)
        return self._output(self.transformer_.transform(as_table(steps, self._names(steps))), steps, X)

    @available_if(_inner_has("inverse_transform"))
    def inverse_transform(self, X):
        """Transform steps back, available if the transformer has an `inverse_transform`.

        Parameters
        ----------
        X : any form that `transform` returns
            Transformed sequences.

        Returns
        -------
        same form as X
            Sequences with the channels of `fit`.
        """
        check_is_fitted(self)
        with refused_as("X", "Pass what transform returned."):
            X = array_or_list(X)
            tabular = is_tabular(X)
        if tabular:
            if not self._flat:
                raise ValueError("Found array with dim 2, but PerStep was fitted on sequences. Pass what transform returned.")
            with numpy_alone():
                table = check_array(X, dtype=None, ensure_all_finite=False, input_name="X")
            n_steps = self.n_features_in_ // self.n_channels
            if table.shape[1] % n_steps:
                raise ValueError(
                    f"X must have as many columns for each of the {n_steps} steps that PerStep was fitted on, got"
                    f" {table.shape[1]}. Pass what transform returned."
                )
            steps = Steps.from_table(table, table.shape[1] // n_steps)
        else:
            steps = Steps.from_sequences(X)
        X_original = steps.restore_format(self._checked_rows(self.transformer_.inverse_transform(as_array(steps)), steps))
        if isinstance(X_original, Sequences) and not self._flat and hasattr(self, "feature_names_in_"):
            X_original.channel_names = list(self.feature_names_in_)
        return X_original

    @available_if(_inner_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features=None):
        """Return names for the channels of what `transform` returns, available if the transformer has such a method.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            Names of the channels of X, or of its columns if it was 2-D. None takes `feature_names_in_`, or else "x0", "x1", ...

        Returns
        -------
        ndarray of str
            The names of the channels; after a `fit` to a 2-D X, one name for each column, with the number of the step as prefix
            if the names would otherwise repeat: "step0_pca0", "step0_pca1", "step1_pca0", ...
        """
        check_is_fitted(self)
        inner = self.transformer_
        if not self._flat:
            return inner.get_feature_names_out(input_features)
        names = _check_feature_names_in(self, input_features)
        if self.channel_names is None:
            by_step = [inner.get_feature_names_out(part) for part in names.reshape(-1, self.n_channels)]
        else:
            by_step = [inner.get_feature_names_out()] * (len(names) // self.n_channels)
        flat = np.concatenate(by_step)
        if len(set(flat)) < len(flat):
            flat = np.array([f"step{t}_{name}" for t, part in enumerate(by_step) for name in part], dtype=object)
        return flat

    def set_output(self, *, transform=None):
        """Set the container that `transform` returns for a 2-D X; sequences keep their form.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Type of the container. None leaves the setting unchanged.

        Returns
        -------
        self
            The transformer itself.
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if hasattr(self.transformer, "__sklearn_tags__"):
            inner = get_tags(self.transformer)
            tags.input_tags = copy.copy(inner.input_tags)
            tags.transformer_tags = inner.transformer_tags
            tags.target_tags.required = inner.target_tags.required
            tags.no_validation = inner.no_validation
            tags.non_deterministic = inner.non_deterministic
        tags.input_tags.one_d_array = tags.input_tags.sparse = False
        tags.input_tags.two_d_array = tags.input_tags.three_d_array = True
        return tags

    # ---- one call of the transformer ----

    def _fit(self, method, X, y, fit_params):
        """The steps, and what a fitting method of the transformer returns for them. A fit that fails changes nothing."""
        continues = method == "partial_fit" and hasattr(self, "transformer_")
        stand_in = copy.copy(self)
        steps = stand_in._read(X, reset=not continues, fitting=True)
        transformer = self.transformer_ if continues else clone(self.transformer)
        arguments = {} if y is None else {"y": y_of_steps(y, steps)}
        for name, value in fit_params.items():
            if value is not None:
                arguments[name] = weights_of_steps(value, steps) if name.split("__")[-1] == "sample_weight" else value
        if "sample_weight" in arguments and not takes_sample_weight(transformer, method):
            raise ValueError(
                f"sample_weight was passed, but {type(transformer).__name__} does not accept it. Pass it to the estimator only,"
                " to a step of a Pipeline as <step>__sample_weight, or use a transformer that takes weights, such as"
                " StandardScaler."
            )
        returned = getattr(transformer, method)(as_table(steps, self._names(steps)), **arguments)
        stand_in.transformer_ = transformer
        vars(self).pop("feature_names_in_", None)
        vars(self).update(vars(stand_in))
        return steps, returned

    @refused_as("X", X_FORMATS)
    def _read(self, X, *, reset, fitting=False):
        """X as `Steps`. With `reset` its form is recorded, else it must be that form; with `fitting` its lengths are, too."""
        X = array_or_list(X)
        if is_tabular(X):
            with numpy_alone():
                if reset or self._flat:
                    table = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)
                else:
                    table = check_array(X, dtype=None, ensure_all_finite=False, estimator=self, input_name="X")
            check_columns(table.shape[1], self.n_channels)
            steps, flat = Steps.from_table(table, self.n_channels), True
        else:
            steps, flat = Steps.from_sequences(X), False
            refuse_lists_of_rows(X, self.n_channels)
        if fitting:
            self._n_steps = seen_lengths(steps.lengths, None if reset else vars(self).get("_n_steps"))
        if reset:
            self._flat, self._n_channels = flat, steps.n_channels
            if not flat:
                self.n_features_in_ = steps.n_channels
                vars(self).pop("feature_names_in_", None)
                names = channel_names(self, self._names(steps), reset=True)
                if names is not None:
                    self.feature_names_in_ = names
        elif steps.n_channels != self._n_channels:
            raise ValueError(
                f"X has {steps.n_channels} channels per step, but PerStep is expecting {self._n_channels} channels as input, as"
                " in fit. Pass the same channels in the same order."
            )
        elif flat:
            refuse_single_sequence(self, table.shape, self.n_channels)
        else:
            channel_names(self, self._names(steps), reset=False)
        return steps

    def _names(self, steps):
        """Names of the channels: those of X, or the given ones."""
        names = self.channel_names if steps.names is None else steps.names
        return None if names is None else list(names)

    def _output(self, values, steps, X):
        """The table that the transformer returned, in the form of X."""
        X_out = steps.restore_format(self._checked_rows(values, steps))
        if isinstance(X_out, Sequences) and steps.names is not None:
            with suppress(AttributeError):  # the transformer, or a step of a Pipeline, has no names to give
                X_out.channel_names = list(self.get_feature_names_out())
        container = _get_output_config("transform", self)["dense"]
        if container == "default" or not isinstance(X_out, np.ndarray) or X_out.ndim != 2:
            return X_out
        adapter = ADAPTERS_MANAGER.adapters[container]
        return adapter.create_container(X_out, X, columns=getattr(self, "get_feature_names_out", None))

    def _checked_rows(self, values, steps):
        """The table that the transformer returned, as an array (total_steps, k)."""
        values = dense(values)
        total = int(steps.offsets[-1])
        if values.ndim != 2 or len(values) != total:
            raise ValueError(
                f"PerStep needs a transformer that returns one row for every step: {type(self.transformer_).__name__} got"
                f" {total} rows and returned an array of shape {values.shape}. Drop or add steps before, sequence by sequence."
            )
        return values


def takes_sample_weight(transformer, method):
    """Whether a method takes sample weights: as an argument, or with metadata routing for a step that requested them."""
    fit = "fit" if method == "fit_transform" else method
    if "sample_weight" in signature(getattr(transformer, fit)).parameters:
        return True
    routed = get_config()["enable_metadata_routing"] and hasattr(transformer, "get_metadata_routing")
    return routed and bool(get_routing_for_object(transformer).consumes(method, ["sample_weight"]))
