"""Run tests of the kernels under valgrind's memcheck, at the levels that it knows, and fail for errors in our extensions.

    python tests/scripts/memcheck.py [arguments of pytest]

An error counts where one of our extensions is among its innermost frames: a kernel, or what a kernel called. CPython, NumPy and
SciPy have some of their own. Valgrind knows no AVX-512. Where there is no valgrind, or Python does not so much as start under it,
that is said and nothing done.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which

from levels import has

ROOT = Path(__file__).parents[2]
LEVELS = "avx2", "baseline"
INNERMOST = 8  # frames; a call from Python into a kernel is further out
OURS = "_kernels"
MEMCHECK = ["valgrind", "--tool=memcheck", "--quiet"]
# Other processes run outside of valgrind, threads one at a time; accuracy is at 600,000 points; the others are long.
LEFT_OUT = ("instruction_set", "another_thread", "number_of_threads", "ulp", "every_entry", "penalty", "truncated", "memory")
LEFT_OUT += ("torch",)
TESTS = [
    "--one-in=127",
    *(f"tests/test_{name}.py" for name in ("kernels", "twin", "gradients", "encoder_decoder", "inference", "stream")),
    "-k", " and ".join(f"not {name}" for name in LEFT_OUT),
]


def frames(error):
    """Of the first stack of an error, innermost first: object file and function."""
    return [(frame.findtext("obj", ""), frame.findtext("fn", "?")) for frame in error.find("stack").findall("frame")]


def errors(report):
    """Those in our extensions, as text, and the number of others."""
    found, others = [], 0
    for error in ElementTree.parse(report).getroot().findall("error"):
        if error.findtext("kind").startswith("Leak_"):
            continue  # with XML valgrind looks for leaks whatever it is told, and CPython keeps memory to its end
        stack = frames(error)
        if any(OURS in Path(path).parts for path, _ in stack[:INNERMOST]):
            what = error.findtext("what") or error.findtext("xwhat/text")
            found.append("\n".join([what, *(f"    {function}  {Path(path).name}" for path, function in stack[:12])]))
        else:
            others += 1
    return found, others


def obstacle():
    """Why nothing can be run under valgrind; empty if something can."""
    if which("valgrind") is None:
        return "valgrind is not installed."
    command = [*MEMCHECK, sys.executable, "-c", "pass"]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONMALLOC": "malloc"})
    return f"Python does not start under valgrind:\n{result.stderr[-2000:]}" if result.returncode else ""


def run_tests(level, arguments, report):
    """The process of pytest when it has ended."""
    tool = [*MEMCHECK, "--num-callers=20", "--xml=yes", f"--xml-file={report}"]
    environment = os.environ | {
        "SKLSTM_SIMD": level,
        "PYTHONMALLOC": "malloc",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    command = [*tool, sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "one_in"]
    command += ["-m", "not slow", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check(level):
    """What there is to say about a level, and whether it is sound."""
    if not has(level):
        return f"{level}: skipped, this machine lacks it", True
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        result = run_tests(level, sys.argv[1:] or TESTS, report)
        found, others = errors(report)
    summary = f"{level}: {len(found)} errors in our extensions, {others} elsewhere"
    return "\n\n".join([result.stdout, *found, summary]), result.returncode == 0 and not found


def main():
    reason = obstacle()
    if reason:
        return print(f"Skipped: {reason}")
    sound = True
    with ThreadPoolExecutor() as pool:
        for text, well in pool.map(check, LEVELS):
            print(text, flush=True)
            sound = sound and well
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
