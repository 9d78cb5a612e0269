"""What the built distributions hold: no generated C, nothing missing, a small wheel. Usage: check_dist.py FOLDER"""

import sys
import tarfile
import zipfile
from pathlib import Path

LIMIT = 2_750_000  # bytes of the wheel

folder = Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
(sdist,) = folder.glob("*.tar.gz")
in_wheel = zipfile.ZipFile(wheel).namelist()
in_sdist = [name.partition("/")[2] for name in tarfile.open(sdist).getnames()]
PLACES = "sklstm/_kernels", "benchmarks", "examples/strokes", "tests/scripts"  # of C that people wrote
source_c = {str(path) for place in PLACES for path in Path(place).glob("*.c")}

problems = []
if wheel.stat().st_size > LIMIT:
    problems.append(f"the wheel has {wheel.stat().st_size} bytes, more than {LIMIT}")
problems += [
    f"the wheel holds {name}" for name in in_wheel if name.endswith((".c", ".h", ".pyx", ".pxd")) or "tests/" in name
]
problems += [f"the sdist holds generated {name}" for name in in_sdist if name.endswith(".c") and name not in source_c]
tracked = [
    *source_c,
    *(str(path) for pattern in ("*.pyx", "*.pxd", "*.h", "*.py") for path in Path("sklstm").rglob(pattern)),
]
problems += [
    f"the sdist lacks {name}"
    for name in [*tracked, "setup.py", "pyproject.toml", "LICENSE", "README.md"]
    if name not in in_sdist
]
print(f"wheel {wheel.stat().st_size / 1e6:.2f} MB, sdist {sdist.stat().st_size / 1e6:.2f} MB")
sys.exit("\n".join(problems) or 0)
