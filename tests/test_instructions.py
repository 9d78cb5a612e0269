"""The kernels execute no more instructions than recorded; benchmarks/instructions.py says how they are counted."""

import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from sklstm._kernels import _simd

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "instructions.py"


@pytest.mark.slow
@pytest.mark.skipif(which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.skipif(_simd.level() == "baseline", reason="this machine has no AVX2, of which the record is")
def test_no_kernel_executes_more_instructions_than_recorded():
    result = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
