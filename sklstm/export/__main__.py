"""``python -m sklstm.export model.npz --to c model.h``: a saved model in another format, for build systems."""

import argparse
import sys

import numpy as np

from ..persistence import load


def main(arguments=None):
    """Export a model that `sklstm.save` wrote; the status of the process."""
    parser = argparse.ArgumentParser(prog="python -m sklstm.export", description="Export a model that sklstm.save wrote.")
    parser.add_argument("model", help="file that sklstm.save wrote")
    parser.add_argument("out", help="file to write")
    parser.add_argument("--to", required=True, choices=list(TARGETS), help="format")
    parser.add_argument("--name", help="c: what all names in the header begin with (default: model)")
    parser.add_argument("--dtype", help="c: float32 (default), q15 or int8")
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        help="c, q15 and int8: an array of sequences (.npy), or arrays of one sequence each (.npz)",
    )
    parser.add_argument("--streaming", action="store_true", help="onnx: one step, with states in and out")
    options = parser.parse_args(arguments)
    try:
        TARGETS[options.to](load(options.model), options)
    except (OSError, TypeError, ValueError, ImportError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    return 0


def _to_c(model, options):
    from .c.to_c import to_c

    given = {key: value for key in ("name", "dtype") if (value := getattr(options, key)) is not None}
    sizes = to_c(model, options.out, X_calibration=_sequences(options.calibration), **given)
    print(", ".join(f"{name} {size}" for name, size in sizes.items()), "(bytes)")


def _to_onnx(model, options):
    from . import to_onnx

    to_onnx(model, options.out, streaming=options.streaming)


TARGETS = {"c": _to_c, "onnx": _to_onnx}


def _sequences(path):
    """Sequences of a file of NumPy; None without one."""
    if path is None:
        return None
    found = np.load(path, allow_pickle=False)
    return found if isinstance(found, np.ndarray) else [found[name] for name in found.files]


if __name__ == "__main__":
    sys.exit(main())
