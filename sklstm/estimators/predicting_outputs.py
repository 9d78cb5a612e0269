"""`PredictOutputsMixin`: from X to outputs, and what a fitted encoder-decoder says of given ones."""

from numbers import Real

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..network import LOSSES
from ..network.checks import is_count
from ..sequences.alignment import in_order_of
from ..sequences.outputs import read_n_steps, read_outputs, restored
from ..sequences.parts import offsets_of
from ..sequences.refusals import refused_as
from ..sequences.targets import code_of_each, read_sample_weight
from ..sequences.validation import numpy_alone
from .copies import at_this_moment
from .decoding import attention_weights, codes_with_ends, log_likelihoods, predict_numbers, search
from .output_documentation import document
from .output_target import Y_AND_WEIGHTS, check_same_meaning, codes_of_outputs, meaning_of

ADVICE_OF_STEPS = "pass n_steps, the number of steps to predict, or one for each sequence."


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


class PredictOutputsMixin:
    """Methods of a fitted encoder-decoder, which they read as it is at one moment."""

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
        if n_best is not None and is_numeric:
            raise ValueError("n_best is for tokens, of which there are alternatives; this model predicts numbers. Leave it out.")
        if n_best is not None and (not is_count(n_best, 1) or isinstance(n_best, np.timedelta64)):
            got = n_best if isinstance(n_best, Real) else type(n_best).__name__
            raise ValueError(f"n_best must be an int of at least 1 or None, got {got}.")
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

    def _n_steps_of(self, n_steps, n_sequences, advice=ADVICE_OF_STEPS):
        shortest, longest = self._target_lengths
        if n_steps is None and shortest != longest:
            raise ValueError(f"The outputs in training had {shortest} to {longest} steps: {advice}")
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
            outputs = read_outputs(y, sequences, self.tokens, meaning_of(vars(self)))
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
            n_steps = model._n_steps_of(None, len(sequences), "pass y, the outputs that the decoder reads.")
            parts = predict_numbers(model, sequences, n_steps)
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
