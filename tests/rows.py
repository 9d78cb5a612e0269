"""What tests ask of the rows of predictions: that they do not depend on the rows beside them, nor on how the batch is cut."""

import numpy as np
from reference import relative_error

from sklstm._kernels import _product

INDEPENDENT = _product.products() != "blas"  # whether the bits of a row are its own
# With BLAS, whose sums depend on the shape of a product: of some dozen products over some steps.
ROUNDING = 1000


def assert_same_rows(actual, expected):
    """Equal bits; where products are those of BLAS, and for floats alone, equality up to ROUNDING units in the last place."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert expected.dtype.kind != "f" or actual.dtype == expected.dtype
    if INDEPENDENT or expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
    else:
        assert relative_error(actual, expected) < ROUNDING * np.finfo(expected.dtype).eps
