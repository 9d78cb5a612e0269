"""What a detector predicts, by name: how its network is trained, and which errors it makes at each step.

A new kind is an entry of `TARGETS`, with the attributes of `NextSteps`.
"""

from dataclasses import replace

import numpy as np
from joblib import effective_n_jobs

from ..network import apply
from .architecture import reconstruction_spec, stack_spec
from .embedding import embedding_widths
from .held_out import split_series
from .reconstruction import reconstruct, same_steps
from .score_stream import ScoreStream
from .series_target import next_steps, of_channels


class NextSteps:
    """The numeric channels of the next steps, at each step."""

    # What its `Stream` is; None where a step is scored by later ones too.
    stream = ScoreStream

    @staticmethod
    def check(estimator):
        """Raise a ValueError where hyper-parameters contradict each other."""
        if estimator.bidirectional:
            raise ValueError(
                'A bidirectional network knows the next step, which target="next" is to predict. Set bidirectional=False, or'
                ' target="reconstruct".'
            )

    @staticmethod
    def read(estimator, sample_weight, sequences, channels):
        """The `SeriesTarget` for X; parameters as in `next_steps`."""
        return next_steps(estimator, sample_weight, sequences, channels)

    @staticmethod
    def spec(estimator, n_channels, target, form):
        """The spec of the network; parameters as in `network_spec`."""
        widths = embedding_widths(estimator.embedding_dim, form["categories_"])
        return stack_spec(estimator, n_channels, target, form, widths) | {"pooling": None}

    @staticmethod
    def split(estimator, target, sequences, groups, rng, *, is_given):
        """The `Split` into what is trained on and what is held out; parameters as in `split_series`."""
        leads = np.arange(1, estimator.horizon + 1)
        return split_series(estimator, target, sequences, groups, rng, is_given=is_given, leads=leads)

    @staticmethod
    def errors(network, theta, sequences, fitted, n_jobs):
        """Errors at each step.

        Parameters
        ----------
        network : Network
        theta : ndarray of shape (n_params,)
            In the units of the data.
        sequences : Sequences
            In theta's dtype.
        fitted : mapping
            Attributes of the target.
        n_jobs : int or None

        Returns
        -------
        ndarray of shape (total_steps, n_leads, n_channels), float64
            What was there minus what was predicted 1, 2, ... steps before; NaN where either is missing.
        """
        channels = fitted["_channels"]
        predicted = apply(network, theta, sequences, n_threads=effective_n_jobs(n_jobs))
        predicted = predicted.reshape(len(predicted), -1, len(channels))
        x = of_channels(sequences.values, channels)
        errors, firsts = np.empty(predicted.shape), sequences.offsets[:-1]
        for k in range(predicted.shape[1]):
            np.subtract(x[k + 1 :], predicted[: max(len(x) - k - 1, 0), k], out=errors[k + 1 :, k], dtype=np.float64)
            for place in range(k + 1):  # of a step that was not predicted
                errors[firsts[sequences.lengths > place] + place, k] = np.nan
        return errors


class Reconstruction:
    """The numeric channels of the steps themselves, piece by piece."""

    stream = None

    @staticmethod
    def check(estimator):
        """Raise a ValueError where hyper-parameters contradict each other."""
        if estimator.horizon != 1:
            raise ValueError(
                f'horizon={estimator.horizon} is for target="next": a reconstruction looks no steps ahead. Set horizon=1.'
            )

    @staticmethod
    def read(estimator, sample_weight, sequences, channels):
        """The `ReconstructionTarget` for X; parameters as in `same_steps`."""
        return same_steps(estimator, sample_weight, sequences, channels)

    @staticmethod
    def spec(estimator, n_channels, target, form):
        """The spec of the network; parameters as in `network_spec`."""
        return reconstruction_spec(estimator, n_channels, target, form)

    @staticmethod
    def split(estimator, target, sequences, groups, rng, *, is_given):
        """The `Split` into what is trained on and what is held out; parameters as in `split_series`."""
        split = split_series(estimator, target, sequences, groups, rng, is_given=is_given, leads=np.zeros(1, int))
        return replace(split, seed=int(rng.integers(1 << 63)))

    @staticmethod
    def errors(network, theta, sequences, fitted, n_jobs):
        """Errors at each step, with one lead; parameters and result as in `NextSteps.errors`."""
        n_threads = effective_n_jobs(n_jobs)
        found = reconstruct(network, theta, sequences, fitted["window_"], n_threads)
        return (sequences.values[:, fitted["_channels"]].astype(np.float64) - found)[:, np.newaxis]


# Value of the parameter `target` -> what that is.
TARGETS = {"next": NextSteps, "reconstruct": Reconstruction}
