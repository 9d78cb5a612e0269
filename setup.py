"""The compiled part of the build: extensions, flags and modes. Everything else is in pyproject.toml.

The first of these environment variables that is set chooses the mode:

SKLSTM_DEBUG=1      bounds checks in Cython, no optimisation, annotated HTML under build/
SKLSTM_COVERAGE=1   line tracing, for coverage of the .pyx files
SKLSTM_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer of GCC or Clang; tests/scripts/sanitized.py runs it
SKLSTM_NO_VECTORS=1 plain C and BLAS, as for a compiler without vectors as a language extension; tests/scripts/products.py runs it
"""

import os
import re
from pathlib import Path

import scipy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

MODES = ("debug", "coverage", "sanitize", "no_vectors")
MODE = next((mode for mode in MODES if os.environ.get(f"SKLSTM_{mode.upper()}") == "1"), "release")
DEBUG, COVERAGE, SANITIZE, NO_VECTORS = (MODE == mode for mode in MODES)

GENERATED = Path("build") / f"cython-{MODE}"  # generated sources: never in the tree, the sdist or the wheel
KERNELS = "sklstm/_kernels"
C_LOOPS = [f"{KERNELS}/{name}.c" for name in ("simd", "simd_baseline", "simd_avx2", "simd_avx512")]
MODULES = (
    "_simd", "_product", "_team", "_scan", "_inference", "_given", "_weights", "_forward", "_engine",
    "_stages", "_static", "_missing", "_embedding", "_recurrent", "_pooling", "_dense", "_pack", "_links", "_arrays", "_answers",
    "_attention", "_losses", "_chain", "_minibatch", "_pairs", "_optim", "_moments",
)  # fmt: skip

# Never -ffast-math: linked into a shared object it switches the importing process to flush-to-zero (GCC bug 55522).
FLAGS = {
    "unix": ["-O0", "-g"] if DEBUG else ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"],
    "mingw32": ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"],
    "msvc": ["/Od", "/Zi"] if DEBUG else ["/O2", "/fp:precise"],
}
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
if SANITIZE:
    # Python's own flags have signed overflow wrap, which would hide it.
    FLAGS["unix"] = ["-O1", "-g1", "-fno-omit-frame-pointer", "-fno-wrapv", *SANITIZERS]
MACROS = [("CYTHON_TRACE_NOGIL", "1")] * COVERAGE + [("SKLSTM_NO_VECTORS", "1")] * NO_VECTORS


def write_blas_int():
    """Declare the integer type of the installed SciPy's BLAS: `blas_int` from SciPy 1.18, int before."""
    declarations = (Path(scipy.__file__).parent / "linalg" / "cython_blas.pxd").read_text()
    known = re.search(r"\bblas_int\b", declarations)
    line = "from scipy.linalg.cython_blas cimport blas_int\n" if known else "ctypedef int blas_int\n"
    target = GENERATED / "_blas_int.pxi"
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_text() != line:  # keep the time stamp: it decides what is compiled again
        target.write_text(line)


class Build(build):
    """Keep what the modes build apart: a release must not take up an extension of another mode."""

    def finalize_options(self):
        if MODE != "release":
            self.build_base = f"{self.build_base}/{MODE}"
        super().finalize_options()


class BuildExtensions(build_ext):
    """Add the flags once the compiler is known."""

    def finalize_options(self):
        super().finalize_options()
        self.force = self.force or MODE != "release"
        if SANITIZE or NO_VECTORS:
            self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self):
        flags = FLAGS.get(self.compiler.compiler_type, [])
        for extension in self.extensions:
            extension.extra_compile_args = flags
            extension.extra_link_args = SANITIZERS if SANITIZE else []
        super().build_extensions()


write_blas_int()
setup(
    ext_modules=cythonize(
        [
            Extension(
                f"sklstm._kernels.{name}",
                [f"{KERNELS}/{name}.pyx", *(C_LOOPS if name == "_simd" else [])],
                include_dirs=[KERNELS],
                depends=[str(path) for path in Path(KERNELS).glob("*.h")],
                define_macros=MACROS,
            )
            for name in MODULES
        ],
        build_dir=str(GENERATED),
        include_path=[str(GENERATED)],
        annotate=DEBUG,
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "initializedcheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "freethreading_compatible": True,
            "linetrace": COVERAGE,
        },
    ),
    cmdclass={"build": Build, "build_ext": BuildExtensions},
)
