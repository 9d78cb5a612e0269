"""`to_c` and `verify`: a fitted estimator as one header of C99."""

import os

import numpy as np

from ...files import check_replaceable, replacing
from .fixed import fixed_program
from .floats import float_program
from .header import header, read_header
from .model import read_model
from .run import expected_outputs, run, samples, static_features
from .text import check_name


def to_c(model, path, *, name="model", dtype="float32", X_calibration=None):
    """Write a fitted estimator as one header of C99, for microcontrollers and other small devices.

    The header takes samples one at a time and has a prediction after each. It allocates no memory, keeps its constants in flash,
    and needs no library but ``expf`` and ``tanhf``. C++ compilers take it too.

    Parameters
    ----------
    model : LSTMClassifier or LSTMRegressor
        Fitted.
    path : str or path-like
        Path of the header; a leading ``~`` is the home directory. An existing file is replaced, once the new one is complete.
    name : str, default="model"
        What all names in the header begin with, in capitals those of macros: a small letter, and then small letters, digits or
        single underscores between them, at most 31. Without capitals in it macros of two models have different names.
        In one program no name may be another one, an underscore and more: "a" and "a_head" may define the same names.
    dtype : {"float32", "q15", "int8"}, default="float32"
        Type of numbers. "q15" has weights and states of 16 bits, and "int8" weights of 8 bits with a scale for each row; both
        compute in integers alone, with the same bits on every processor.
    X_calibration : any accepted form of sequences, default=None
        Data like those of `fit`, of which some hundred steps suffice, for ``dtype="q15"`` and "int8": they show the ranges of
        channels and states.

    Returns
    -------
    dict of str to int
        Sizes in bytes: of ``weights`` and ``tables``, which are constants, and of the ``state`` of a sequence. What functions
        need of the stack depends on the compiler: ``-fstack-usage`` of GCC tells it.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If the model cannot be exported, with the reason and the nearest thing that can, if `name` is no identifier, or if
        `X_calibration` is missing or does not fit the model. No file is written then.
    TypeError
        If the model is no estimator, or the path no path.
    OSError
        If the file cannot be written.

    Warns
    -----
    UserWarning
        If `X_calibration` has fewer than 20 steps, or only equal ones, or if integers of channels have so little of it that
        predictions change by more than 0.1 of a probability or of the standard deviation of a predicted quantity.

    See Also
    --------
    verify : Compiles a header and compares it with the model.

    Notes
    -----
    The header has, with `name` "model", a type ``model_state`` and these functions:

    - ``model_init(&s)`` begins a sequence; of a model with static features it takes these, too.
    - ``model_step(&s, x)`` takes a sample, an array of the channels as in `fit`.
    - ``model_output(&s, y)`` writes the probabilities, or what `predict` returns, for the steps so far.
    - ``model_label(&s)``, of classifiers, returns the number of the class in `classes_`.
    - ``model_predict(&s, x, n_steps, ...)`` takes a whole sequence.

    With integers there are also ``model_quantize``, ``model_step_q`` and ``model_scores_q``, of which only the first uses
    floating point; ``#define MODEL_NO_FLOAT`` leaves out all that do, but `model_label`. A number v with an exponent e is the
    integer round(2^e v). Gates and tanh have e = 15, and come from one table of 256 intervals, in which they are linear; states
    have the largest e with which what calibration has seen, and a quarter more, has 16 bits; sums have e = 16 and 32 bits. What
    exceeds its range is saturated. Channels are scaled by powers of two, to the range of calibration and training.

    Mean pooling keeps sums, which are compensated [1]_ in float32, and attention a softmax that begins anew where a step
    weighs more than all before [2]_: both are exact after one pass.

    References
    ----------
    .. [1] W. Kahan (1965), "Further remarks on reducing truncation errors", Communications of the ACM 8(1).
    .. [2] M. Milakov and N. Gimelshein (2018), "Online normalizer calculation for softmax", arXiv:1805.02867.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import to_c
    >>> X = np.random.default_rng(0).normal(size=(50, 20, 3))
    >>> model = LSTMClassifier(8, cell="gru", max_iter=5, random_state=0).fit(X, X[:, :, 0].sum(axis=1) > 0)
    >>> path = os.path.join(tempfile.mkdtemp(), "model.h")
    >>> to_c(model, path, dtype="q15", X_calibration=X)
    {'weights': 716, 'tables': 514, 'state': 36}
    """
    check_name(name)
    exported = read_model(model, dtype)
    check_replaceable(path)
    if dtype == "float32":
        program = float_program(exported, name)
    else:
        if X_calibration is None:
            raise ValueError(
                f"dtype={dtype!r} needs the ranges of channels and states. Pass X_calibration, data like those of fit, or use"
                " dtype='float32'."
            )
        program = fixed_program(exported, name, dtype, X_calibration)
    text = header(exported, program, dtype)
    with replacing(path) as file:
        file.write(text.encode("ascii"))
    return program.sizes()


def verify(path, model, X):
    """Compile a header that `to_c` wrote, run it on sequences, and compare it with the model.

    Parameters
    ----------
    path : str or path-like
        Path of the header.
    model : LSTMClassifier or LSTMRegressor
        The estimator that it was written from.
    X : any accepted form of sequences
        Sequences to predict.

    Returns
    -------
    dict of str to float or int
        ``deviation`` and ``mean_deviation``, the largest and the mean absolute difference between the outputs of the header and
        those of ``predict_proba`` or, of a regressor, ``predict``; ``agreement``, of a classifier, the share of labels that are
        equal; ``n_outputs``, the number of sequences, or with `return_sequences` of steps.

    Raises
    ------
    ValueError
        If the file is no header of this model, which is known by a checksum of the weights, or if X does not fit the model.
    RuntimeError
        If there is no C compiler, or if it does not compile the header.
    OSError
        If the file cannot be read.

    See Also
    --------
    to_c : Writes a header.

    Notes
    -----
    The compiler is ``cc``, ``gcc`` or ``clang``, or what the environment variable ``CC`` names. The header runs in a process of
    its own. A model that was fitted on float64 computes in float64 here, but in float32 or in integers there.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.export import to_c, verify
    >>> X = np.random.default_rng(0).normal(size=(50, 20, 3))
    >>> model = LSTMRegressor(8, max_iter=5, random_state=0).fit(X, X[:, :, 0].sum(axis=1))
    >>> path = os.path.join(tempfile.mkdtemp(), "model.h")
    >>> sizes = to_c(model, path)
    >>> verify(path, model, X)["deviation"] < 1e-5  # doctest: +SKIP
    True
    """
    text, name, dtype, checksum = read_header(path)
    exported = read_model(model, dtype)
    if checksum != exported.checksum:
        raise ValueError(
            f"{os.fsdecode(path)} is of another model: it was written from other weights. Pass the model that it is of, as it was"
            " then, or write it again."
        )
    expected, labels = expected_outputs(exported, sequences := exported.model._read_fitted(X))
    values, static = samples(exported, sequences), static_features(exported, sequences)
    outputs = run(text, name, exported, values, sequences.offsets, os.fsdecode(path), static=static)
    deviations = np.abs(outputs[:, :-1] - expected)
    result = {"deviation": float(deviations.max()), "mean_deviation": float(deviations.mean())}
    if labels is not None:
        found = outputs[:, -1] if labels.ndim == 1 else outputs[:, :-1] > 0.5
        result["agreement"] = float(np.mean(found == labels))
    return result | {"n_outputs": len(outputs)}
