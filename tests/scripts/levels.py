"""Run the tests that depend on the instruction set at the levels that this machine has, forced by SKLSTM_SIMD.

    python tests/scripts/levels.py [arguments of pytest]

Left out: the level that is used where none is forced, at which all other tests run; the estimators' contract, the formats of data
and files, messages and pictures, which are above the kernels; and of what has many cases four of five, of central differences
ten of eleven.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ABOVE = (
    "advice", "archive", "arrow", "bad_input", "categories", "checkpoint", "common", "comparison", "datasets", "displays",
    "docs", "docstrings", "ecosystem", "error_models", "events", "export_c", "export_c_fixed", "export_keras", "export_main",
    "export_onnx", "export_skl2onnx", "export_torch", "export_weights", "forecaster", "forks", "fuzz", "inspection",
    "instructions", "interrupts", "large_data", "layers", "length", "long", "metrics", "named_problems", "onnx_models", "order",
    "outlier_detector", "padding", "path", "per_step", "persistence", "progress", "public", "recipes", "reconstruction",
    "refusals", "relative", "reports", "sampling", "sequences", "structure", "tables", "tampering", "targets", "tokenizer",
    "windows",
)
KERNELS = ["tests", *[f"--ignore=tests/test_{name}.py" for name in ABOVE]]
# Runs of pytest.
SOME = [
    ["--one-in=5", *KERNELS, "--ignore=tests/test_gradients.py", "-k", "not instruction_set"],
    ["--one-in=11", "tests/test_gradients.py"],
]


def has(level):
    environment = forced({"SKLSTM_SIMD": level})
    result = subprocess.run([sys.executable, "-P", "-c", "import sklstm"], capture_output=True, text=True, env=environment)
    if result.returncode and "is not available on this machine" not in result.stderr:
        raise SystemExit(result.stderr)
    return result.returncode == 0


def forced(variables):
    """The environment with these variables, and with the folder of this file in PYTHONPATH."""
    environment = os.environ | variables
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [environment.get("PYTHONPATH")])])
    return environment | {"PYTHONPATH": path}


def run_tests(variables, runs=None):
    """Whether all of some runs of pytest pass, those of `SOME` by default, with these environment variables."""
    pytest = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "one_in", "-m", "not slow", "-n", "2"]
    return all([subprocess.run([*pytest, *run], cwd=ROOT, env=forced(variables)).returncode == 0 for run in runs or SOME])


def main():
    from sklstm._kernels._simd import LEVELS, level

    failed = []
    for name in LEVELS:
        print(f"SKLSTM_SIMD={name}", flush=True)
        if name == level():
            print("Skipped: all other tests run at it.")
        elif not has(name):
            print("Skipped: this machine lacks it.")
        elif not run_tests({"SKLSTM_SIMD": name}, [sys.argv[1:]] if sys.argv[1:] else None):
            failed.append(name)
    if failed:
        raise SystemExit(f"Tests failed at {', '.join(failed)}.")


if __name__ == "__main__":
    main()
