"""What the generators share: constraints of parameters, random numbers, lengths, and the format of the result."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from ..compat import Interval, StrOptions, validate_params
from ..sequences import Sequences
from ..sequences.refusals import refused_as


def at_least(smallest, kind=Integral):
    """Constraint of a number."""
    return Interval(kind, smallest, None, closed="left")


# Constraints of the parameters that several generators have.
COMMON = {
    "n_samples": [at_least(1)],
    "ragged": ["boolean"],
    "encode": [StrOptions({"onehot", "ordinal"})],
    "random_state": ["random_state"],
}


def checked(**constraints):
    """Decorate a generator so that its parameters are validated, those in COMMON among them.

    What NumPy or scikit-learn cannot read becomes a ValueError in words of this package.
    """
    validated = validate_params(COMMON | constraints, prefer_skip_nested_validation=True)
    refused = refused_as("A parameter", "Pass integers and numbers of Python, of a size that fits into memory.")
    return lambda generator: refused(validated(generator))


def generator_from(random_state):
    """A RandomState; for None with fresh entropy, as in the estimators: NumPy's global one is neither read nor changed."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


def draw_lengths(generator, n_samples, longest, shortest, ragged):
    """Lengths (n_samples,): all `longest`, or uniform from half of that, but at least `shortest`, to `longest`."""
    if not ragged:
        return np.full(int(n_samples), longest)
    return generator.randint(max(shortest, (longest + 1) // 2), longest + 1, size=n_samples)


def array_or_sequences(values, lengths, ragged):
    """The steps of all sequences (total_steps, ...) as an array (n_samples, n_steps, ...), or as `Sequences` if ragged."""
    if not ragged:
        return values.reshape(len(lengths), -1, *values.shape[1:])
    return Sequences(values.reshape(len(values), -1), np.concatenate([[0], np.cumsum(lengths)]))


def symbols_as_channels(codes, n_symbols, encode):
    """Codes (total_steps,) as one channel, or as one 0/1 channel for each symbol; float64."""
    return codes[:, np.newaxis].astype(np.float64) if encode == "ordinal" else np.eye(n_symbols)[codes]
