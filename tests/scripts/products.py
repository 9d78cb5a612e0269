"""Run the tests with matrix products by BLAS, which tiles take the place of where compiler and processor have vectors.

    python tests/scripts/products.py [arguments of pytest]

First the whole default suite with SKLSTM_PRODUCTS=blas. Then, on a build in plain C as for a compiler without vectors as a
language extension, in build/installed_no_vectors, what levels.py runs for an instruction set: of what has many cases some.
"""

import sys

from builds import install
from levels import run_tests


def main():
    suites = [sys.argv[1:]] if sys.argv[1:] else [["tests"]]
    print("SKLSTM_PRODUCTS=blas", flush=True)
    passed = [run_tests({"SKLSTM_PRODUCTS": "blas"}, suites)]
    print("SKLSTM_NO_VECTORS=1", flush=True)
    passed.append(run_tests({"PYTHONPATH": str(install("SKLSTM_NO_VECTORS"))}, suites if sys.argv[1:] else None))
    if not all(passed):
        raise SystemExit("Tests failed with products by BLAS.")


if __name__ == "__main__":
    main()
