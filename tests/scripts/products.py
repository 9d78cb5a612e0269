"""Run the tests with matrix products by BLAS, which tiles take the place of where compiler and processor have vectors.

    python tests/scripts/products.py [arguments of pytest]

First, with SKLSTM_PRODUCTS=blas, the default suite but for what is above the kernels, and of what has many cases one of five.
Then, on a build in plain C as for a compiler without vectors as a language extension, in build/installed_no_vectors, what
levels.py runs for an instruction set, which is less.
"""

import subprocess
import sys

from builds import install
from levels import KERNELS, forced, run_tests

# Nothing but BLAS is there, so that no other build was imported.
ONLY_BLAS = "from sklstm._kernels import _product as p; raise SystemExit(0 if p.KINDS == ('blas',) else f'It has {p.KINDS}.')"


def main():
    suites = [sys.argv[1:]] if sys.argv[1:] else [["--one-in=5", *KERNELS]]
    print("SKLSTM_PRODUCTS=blas", flush=True)
    passed = [run_tests({"SKLSTM_PRODUCTS": "blas"}, suites)]
    print("SKLSTM_NO_VECTORS=1", flush=True)
    without_vectors = {"PYTHONPATH": str(install("SKLSTM_NO_VECTORS"))}
    subprocess.run([sys.executable, "-P", "-c", ONLY_BLAS], env=forced(without_vectors), check=True)
    passed.append(run_tests(without_vectors, suites if sys.argv[1:] else None))
    if not all(passed):
        raise SystemExit("Tests failed with products by BLAS.")


if __name__ == "__main__":
    main()
