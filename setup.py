"""The compiled part of the build: extensions, flags and modes. Everything else is in pyproject.toml.

The first of these environment variables that is set chooses the mode:

SKLSTM_DEBUG=1      bounds checks in Cython, no optimisation, annotated HTML under build/
SKLSTM_COVERAGE=1   line tracing, for coverage of the .pyx files
SKLSTM_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer of GCC or Clang; tests/scripts/sanitized.py runs it
SKLSTM_NO_VECTORS=1 plain C and BLAS, as for a compiler without vectors as a language extension; tests/scripts/products.py runs it
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import Cython
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
    "_bridge", "_attention", "_losses", "_chain", "_minibatch", "_pairs", "_optim", "_moments", "_distances",
)  # fmt: skip

# The code that Cython writes for typed memoryviews and Python functions, which every module would else have a copy of.
SHARED = "sklstm._kernels._cython"
N_CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

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


def write_shared():
    """Write the source of the shared module, unless this version of Cython wrote what is there; returns its path."""
    target = GENERATED / f"{SHARED.replace('.', '/')}.c"
    if not target.exists() or f"Cython {Cython.__version__} " not in target.read_text()[:100]:
        target.parent.mkdir(parents=True, exist_ok=True)
        directive = "freethreading_compatible=True"  # which Cython 3.2 does not take for granted here
        subprocess.run([sys.executable, "-m", "cython", "-X", directive, f"--generate-shared={target}"], check=True)
    return str(target)


class Build(build):
    """Keep what the modes build apart: a release must not take up an extension of another mode."""

    def finalize_options(self):
        if MODE != "release":
            self.build_base = f"{self.build_base}/{MODE}"
        super().finalize_options()


class BuildExtensions(build_ext):
    """Add the flags once the compiler is known; compile as many files at a time as there are CPUs."""

    def finalize_options(self):
        super().finalize_options()
        self.force = self.force or MODE != "release"
        self.parallel = self.parallel or N_CPUS

    def build_extensions(self):
        flags = FLAGS.get(self.compiler.compiler_type, [])
        for extension in self.extensions:
            extension.extra_compile_args = flags
            extension.extra_link_args = SANITIZERS if SANITIZE else []
        compile_files = self.compiler.compile

        def compile_at_once(sources, *args, **kwargs):
            """The files of one extension, which setuptools compiles one after the other, side by side."""
            with ThreadPoolExecutor(self.parallel) as pool:
                objects = pool.map(lambda source: compile_files([source], *args, **kwargs), sources)
                return [path for paths in objects for path in paths]

        self.compiler.compile = compile_at_once
        super().build_extensions()


def extensions():
    """The extensions, and their sources in C."""
    own = [
        Extension(
            f"sklstm._kernels.{name}",
            [f"{KERNELS}/{name}.pyx", *(C_LOOPS if name == "_simd" else [])],
            include_dirs=[KERNELS],
            depends=[str(path) for path in Path(KERNELS).glob("*.h")],
            define_macros=MACROS,
        )
        for name in MODULES
    ]
    shared = Extension(SHARED, [write_shared()], define_macros=MACROS)
    modules = cythonize(
        own,
        nthreads=N_CPUS,
        build_dir=str(GENERATED),
        include_path=[str(GENERATED)],
        annotate=DEBUG,
        shared_utility_qualified_name=SHARED,
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "initializedcheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "freethreading_compatible": True,
            "linetrace": COVERAGE,
        },
    )
    return [*modules, shared]


if __name__ == "__main__":  # Cython's processes may import this file
    write_blas_int()
    setup(ext_modules=extensions(), cmdclass={"build": Build, "build_ext": BuildExtensions})
