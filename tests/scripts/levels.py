"""Run the tests that depend on the instruction set at every level that this machine has, forced by SKLSTM_SIMD.

    python tests/scripts/levels.py [arguments of pytest]

Left out: the estimators' contract and the formats of files, which are above the kernels, and of what has many cases two of
three, of central differences ten of eleven.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ABOVE = (
    "archive", "bad_input", "checkpoint", "common", "datasets", "docs", "ecosystem", "instructions", "large_data", "layers",
    "named_problems", "persistence", "progress",
)
GRADIENTS = "tests/test_gradients.py"


def has(level):
    result = subprocess.run([sys.executable, "-P", "-c", "import sklstm"], capture_output=True, text=True, env=forced(level))
    if result.returncode and "is not available on this machine" not in result.stderr:
        raise SystemExit(result.stderr)
    return result.returncode == 0


def forced(level):
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"SKLSTM_SIMD": level, "PYTHONPATH": path}


def run_tests(level):
    """Whether all pass."""
    pytest = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "one_in", "-m", "not slow", "-n", "2"]
    ignored = [f"--ignore=tests/test_{name}.py" for name in ABOVE]
    all_but_gradients = ["--one-in=3", "tests", *ignored, f"--ignore={GRADIENTS}", "-k", "not instruction_set"]
    runs = [sys.argv[1:]] if sys.argv[1:] else [all_but_gradients, ["--one-in=11", GRADIENTS]]
    return all([subprocess.run([*pytest, *arguments], cwd=ROOT, env=forced(level)).returncode == 0 for arguments in runs])


def main():
    from sklstm._kernels._simd import LEVELS

    failed = []
    for level in LEVELS:
        print(f"SKLSTM_SIMD={level}", flush=True)
        if not has(level):
            print("Skipped: this machine lacks it.")
        elif not run_tests(level):
            failed.append(level)
    if failed:
        raise SystemExit(f"Tests failed at {', '.join(failed)}.")


if __name__ == "__main__":
    main()
