"""Categories in C: which number stands for which, and the number of its vector."""

import numpy as np

from .text import filled, float_literal, listed

CODE = """\
/* Number of the vector of a category: 1 for the first that training knew, 0 for others. */
static inline size_t @_$name(float value)
{
$body}
"""

# Categories that are numbers in a row: the value says which.
IN_A_ROW = """\
    if (!(value > $below && value < $above))
        return 0;
    return (float)(int32_t)value == value ? (size_t)((int32_t)value - ($first)) + 1 : 0;
"""

SEARCH = """\
    size_t k;
    for (k = 0; k < $n; k++)
        if (@@_READ_FLOAT(@_$name_values + k) == value)
            return k + 1;
    return 0;
"""


def numbers_of(vocabularies):
    """For each of some arrays of categories the numbers (n_categories,) that stand for them on a device.

    Numbers stand for themselves, all else for their positions.
    """
    numbers = []
    for values in map(np.asarray, vocabularies):
        is_number = values.dtype.kind in "iuf" and (values.astype(np.float32) == values).all()
        numbers.append(values.astype(np.float64) if is_number else np.arange(len(values), dtype=np.float64))
    return numbers


def code_function(program, name, numbers, what):
    """The function ``@_<name>`` that finds the number of the vector of a category; its table is added to the program."""
    n = len(numbers)
    first = numbers[0] if n else 0.0
    if n and abs(first) < 2**23 and n < 2**23 and (numbers == first + np.arange(n)).all() and first == int(first):
        body = IN_A_ROW.replace("$below", float_literal(first - 1)).replace("$above", float_literal(first + n))
        body = body.replace("$first", str(int(first)))
    elif n:
        program.constant("float", f"{name}_values", numbers, f"{what}: known categories ({n})")
        body = SEARCH.replace("$n", str(n), 1)
    else:
        body = "    (void)value;\n    return 0;\n"
    return CODE.replace("$body", body).replace("$name", name)


def describe(what, columns, vocabularies):
    """Lines of a comment: what stands for which category of some channels or static features."""
    lines = []
    for column, values, numbers in zip(columns, map(np.asarray, vocabularies), numbers_of(vocabularies), strict=True):
        if values.dtype.kind in "iuf" and (values == numbers).all():
            lines.append(f"   {what} {column} is a category, as a number; others than the {len(values)} known ones may occur.")
        else:
            lines.append(f"   {what} {column} is a category, as one of these numbers; others stand for unknown ones:")
            lines.append(filled(listed(values.tolist()), "      "))
    return lines


def raw_numbers(codes, numbers):
    """What a device reads for codes (n,), 0 for unknown ones."""
    unknown = max(numbers.max(), 0) + 1 if len(numbers) else 0
    return np.r_[unknown, numbers][codes]
