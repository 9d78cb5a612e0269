"""`to_c`: a fitted estimator as one header of C99."""

from ..files import check_replaceable, replacing
from .c_fixed import fixed_program
from .c_float import float_program
from .c_header import header
from .c_model import read_model
from .c_text import check_name


def to_c(model, path, *, name="model", dtype="float32", X_calibration=None):
    check_name(name)
    exported = read_model(model, dtype)
    program = float_program(exported, name) if dtype == "float32" else fixed_program(exported, name, dtype, X_calibration)
    text = header(exported, program, dtype)
    check_replaceable(path)
    with replacing(path) as file:
        file.write(text.encode("ascii"))
    return program.sizes()
