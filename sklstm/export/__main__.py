"""``python -m sklstm.export model.npz --to c model.h``: a saved model in another format, for build systems."""

import argparse
import sys
import zlib
from zipfile import BadZipFile

import numpy as np

from ..persistence import load
from .c.model import DTYPES

EXPECTED = "Pass a file of numpy.save with an array of sequences, or of numpy.savez with an array for each sequence."


def main(arguments=None):
    """Export a model that `sklstm.save` wrote; the status of the process."""
    parser = argparse.ArgumentParser(prog="python -m sklstm.export", description="Export a model that sklstm.save wrote.")
    parser.add_argument("model", help="file that sklstm.save wrote")
    parser.add_argument("out", help="file to write")
    parser.add_argument("--to", required=True, choices=list(TARGETS), help="format")
    parser.add_argument("--name", help="c: what all names in the header begin with (default: model)")
    parser.add_argument("--dtype", choices=DTYPES, help="c: type of the weights (default: float32)")
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        help="c, q15 and int8: an array of sequences (.npy), or arrays of one sequence each (.npz)",
    )
    parser.add_argument("--streaming", action="store_true", help="onnx: one step, with states in and out")
    options = parser.parse_args(arguments)
    _check(options, parser)
    try:
        TARGETS[options.to](load(options.model), options)
    except (OSError, TypeError, ValueError, ImportError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    return 0


def _check(options, parser):
    """End the process with an error where an option would have no effect."""
    for target, names in OPTIONS.items():
        given = [f"--{name}" for name in names if getattr(options, name)]
        if given and target != options.to:
            parser.error(f"{', '.join(given)} cannot be used with --to {options.to}, only with --to {target}")
    if options.calibration and options.dtype in (None, "float32"):
        parser.error("--calibration is of use with --dtype q15 or int8 only")


def _to_c(model, options):
    from .c.to_c import to_c

    given = {key: value for key in ("name", "dtype") if (value := getattr(options, key)) is not None}
    sizes = to_c(model, options.out, X_calibration=_sequences(options.calibration), **given)
    print(", ".join(f"{name} {size}" for name, size in sizes.items()), "(bytes)")


def _to_onnx(model, options):
    from . import to_onnx

    to_onnx(model, options.out, streaming=options.streaming)


TARGETS = {"c": _to_c, "onnx": _to_onnx}
OPTIONS = {"c": ("name", "dtype", "calibration"), "onnx": ("streaming",)}  # of one target alone


def _sequences(path):
    """Sequences of a file of NumPy; None without one."""
    if path is None:
        return None
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            arrays = {name: found[name] for name in found.files}
    except (EOFError, ValueError, BadZipFile, zlib.error) as error:
        raise ValueError(f"--calibration {path} cannot be read ({error}). {EXPECTED}") from error
    strange = [name for name, array in arrays.items() if np.ndim(array) not in (1, 2) or array.dtype.kind not in "fiubU"]
    if strange or not arrays:
        what = f"has {strange[0]!r}, which is not a sequence" if strange else "has no arrays"
        raise ValueError(f"--calibration {path} {what}. {EXPECTED}")
    return list(arrays.values())


if __name__ == "__main__":
    sys.exit(main())
