"""Timing on a shared machine, and a description of that machine.

Contenders take turns on one thread. A figure means nothing without the processor, BLAS, versions and number of threads. Every
benchmark prints them below its table and records them in its JSON.
"""
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter, process_time, sleep

# Environment variables to set before numpy, torch or jax are imported, which read them once.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}

PACKAGES = ("sklstm", "numpy", "scipy", "scikit-learn", "torch", "jax", "onnxruntime", "keras", "skorch")
# Environment variables that control the libraries. OPENBLAS_CORETYPE, for example, can halve the speed of a BLAS.
STEERING = ("OPENBLAS_", "MKL_", "OMP_", "ONEDNN_", "DNNL_", "ATEN_", "XLA_", "NPY_", "SKLSTM_")
# Instruction sets that decide which kernels the libraries choose.
FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve")
GEMM_SIZE = 768  # within a few per cent of larger sizes, and little affected by other load on a shared last-level cache
TURN_SECONDS = 0.02
# Pause before each turn: XLA's threads continue for some 7 ms after a large step has returned.
PAUSE_SECONDS = 0.02
# Confined to one CPU, the CPU time of the process, all threads included, is what a wall clock shows on an idle machine;
# other processes do not add to it. Elsewhere (Windows counts it in steps of 15 ms) the wall clock itself.
clock = process_time if hasattr(os, "sched_setaffinity") else perf_counter


def with_threads(n_threads):
    """`ONE_THREAD` for another number of threads."""
    if n_threads == 1:
        return ONE_THREAD
    numbers = {name: str(n_threads) for name in ONE_THREAD if name.endswith("_NUM_THREADS") or name == "VECLIB_MAXIMUM_THREADS"}
    return ONE_THREAD | numbers | {"XLA_FLAGS": f"--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads={n_threads}"}


def pin_to_one_cpu():
    """Keep this process, and the threads it starts from now on, on the last CPU that it may use, where the system can.

    XLA has no setting that surely confines it to one thread; confined to one CPU, its threads take turns.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def take_turns(steps, seconds, repeats):
    """Time functions in turns: first, second, third, first, second, ...

    A turn is as many calls as take about 20 ms, so that short ones run warm, as they do in a loop of their own.

    Parameters
    ----------
    steps : dict of str to callable
        Called twice before the timing begins, for what happens once. One that runs in another process has a method
        ``seconds_per_call(count)``, which times it there.
    seconds : float
        Rounds of turns begin until so much time is over,
    repeats : int
        but at least so many.

    Returns
    -------
    dict
        Plain values for JSON: ``seconds`` per call of each, ``ratio`` of those to the first one's of the same round
        (each a dict of the median and the quartiles over the rounds), ``times`` of each in every round, ``rounds``,
        ``calls per turn``, and ``share of the CPU``, well below 1 if other processes were in the way.
    """
    import numpy as np

    counts = {}
    for name, step in steps.items():
        step()
        counts[name] = max(1, round(TURN_SECONDS / seconds_per_call(step, 1)))
    rounds, begun, cpu_begun = [], perf_counter(), process_time()
    while len(rounds) < repeats or perf_counter() - begun < seconds:
        rounds.append([])
        for name, step in steps.items():
            sleep(PAUSE_SECONDS)
            rounds[-1].append(seconds_per_call(step, counts[name]))
    paused = PAUSE_SECONDS * len(steps) * len(rounds)
    share = (process_time() - cpu_begun) / (perf_counter() - begun - paused)
    times = np.array(rounds).T  # (n_contenders, n_rounds)
    return {
        "seconds": {name: quartiles(row) for name, row in zip(steps, times, strict=True)},
        "ratio": {name: quartiles(row / times[0]) for name, row in zip(steps, times, strict=True)},
        "times": {name: row.tolist() for name, row in zip(steps, times, strict=True)},
        "rounds": len(rounds),
        "calls per turn": counts,
        "share of the CPU": share,
    }


def seconds_per_call(step, count):
    """Mean time of so many calls, one after the other."""
    if hasattr(step, "seconds_per_call"):
        return step.seconds_per_call(count)
    started = clock()
    for _ in range(count):
        step()
    return (clock() - started) / count


def quartiles(values):
    """Median and quartiles, as plain values."""
    import numpy as np

    names = ("lower quartile", "median", "upper quartile")
    return dict(zip(names, np.quantile(values, (0.25, 0.5, 0.75)).tolist(), strict=True))


def table(rows):
    """Rows of strings, the header first, as a Markdown table; from the third column on aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = "<<" + ">" * (len(widths) - 2)
    rule = ["-" * width if side == "<" else "-" * (width - 1) + ":" for side, width in zip(sides, widths, strict=True)]
    lines = [[f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def large_product(dtype):
    """A large matrix product by SciPy's BLAS, the yardstick for other figures.

    Parameters
    ----------
    dtype : {"float32", "float64"}

    Returns
    -------
    multiply : callable
    flops : int
        Of one call.
    """
    import numpy as np
    from scipy.linalg.blas import get_blas_funcs

    rng = np.random.default_rng(0)
    a, b, c = (np.asfortranarray(rng.standard_normal((GEMM_SIZE, GEMM_SIZE)), dtype=dtype) for _ in range(3))
    gemm = get_blas_funcs("gemm", (a, b))
    return lambda: gemm(1.0, a, b, c=c, overwrite_c=True), 2 * GEMM_SIZE**3


def gemm_gflops(dtype, repeats=50):
    """GFLOP/s of `large_product`, the best of several runs."""
    multiply, flops = large_product(dtype)
    return 1e-9 * flops / min(seconds_per_call(multiply, 1) for _ in range(repeats))


def describe():
    """The machine and the software, as plain values for JSON.

    Call it after the peers have run: it tells which BLAS libraries are loaded, and their threads.

    Returns
    -------
    dict of str to str, int, float, list or dict
    """
    from sklstm._kernels import _product, _simd

    return {
        "cpu": _cpu(),
        "cpus used": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpus": os.cpu_count(),
        "load average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
        "sklstm SIMD level": _simd.level(),
        "sklstm products": _product.products(),
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith(STEERING)},
        "blas": _thread_pools(),
        "gemm GFLOP/s": {dtype: gemm_gflops(dtype) for dtype in ("float32", "float64")},
    }


def report(facts):
    """Result of `describe`, as a Markdown list."""
    cpu = facts["cpu"]
    flags = ", ".join(cpu["flags"])
    versions = ", ".join(f"{name} {number or 'absent'}" for name, number in facts["versions"].items())
    gemm = ", ".join(f"{name} {speed:.0f}" for name, speed in facts["gemm GFLOP/s"].items())
    lines = [
        f"- CPU: {cpu['model']}; {flags}; second-level cache {cpu['second-level cache']}; {facts['system']}",
        f"- {facts['cpus used']} of {facts['cpus']} CPUs used, load average {facts['load average']}",
        f"- python {facts['python']}, {versions}",
        f"- sklstm SIMD level: {facts['sklstm SIMD level']}, products: {facts['sklstm products']}",
        *(f"- {name}={value}" for name, value in facts["environment"].items() if ONE_THREAD.get(name) != value),
        *(f"- {pool}" for pool in facts["blas"]),
        f"- gemm: {GEMM_SIZE} x {GEMM_SIZE} matrices by SciPy's BLAS, GFLOP/s of the fastest of 50: {gemm}",
    ]
    return "\n".join(lines)


def _cpu():
    """Model, instruction sets and second-level cache, as far as the system reports them."""
    fields = {}
    if Path("/proc/cpuinfo").exists():
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
        pairs = (line.partition(":") for line in first.splitlines())
        fields = {key.strip(): value.strip() for key, _, value in pairs}
    model = fields.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in fields:  # virtual machines often hide the model's name, but not these numbers
        model += f" (family {fields['cpu family']}, model {fields['model']})"
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    cache = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
    return {
        "model": model,
        "flags": [flag for flag in FLAGS if flag in flags],
        "second-level cache": cache.read_text().strip() if cache.exists() else "unknown",
    }


def _thread_pools():
    """One line per BLAS and OpenMP library of the process: its owner, its name and its number of threads."""
    from threadpoolctl import threadpool_info

    pools = []
    for library in threadpool_info():
        # Wheels bundle their own copy, and its directory names the owner.
        parts = Path(library["filepath"]).parts
        owners = [name for name in ("numpy", "scipy", "torch") if name in parts or f"{name}.libs" in parts]
        words = [library["user_api"], *(f"of {owner}" for owner in owners[:1]), "is", library["internal_api"]]
        words += [library[key] for key in ("version", "architecture") if library.get(key)]
        pools.append(f"{' '.join(words)}, threads: {library['num_threads']}")
    return pools


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
