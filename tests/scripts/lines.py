"""Lines of code of a checkout, without blank lines, comments and docstrings.

A paragraph that docstrings share is a string of several lines: it counts as the line that it begins in.

    python tests/scripts/lines.py [FOLDER] [--files]

FOLDER is the folder of the package, of this or of another checkout. The longest files, all lines counted, follow.
"""

import argparse
import ast
import io
import re
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "sklstm"
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def _of_python(text):
    docstrings = set()
    for node in ast.walk(ast.parse(text)):
        first = node.body[0] if isinstance(getattr(node, "body", None), list) and node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            docstrings.update(range(first.lineno, first.end_lineno + 1))
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            lines.add(token.start[0])
    return len(lines - docstrings)


def _of_cython(text):
    text = re.sub(r'^\s*"""(?:.|\n)*?"""[ \t]*$', "", text, flags=re.MULTILINE)
    return sum(bool(re.sub(r"(?:^|\s)#.*", "", line).strip()) for line in text.splitlines())


def _of_c(text):
    text = re.sub(r"/\*(?:.|\n)*?\*/|//.*", "", text)
    return sum(bool(line.strip()) for line in text.splitlines())


COUNTERS = {".py": _of_python, ".pyx": _of_cython, ".pxd": _of_cython, ".pxi": _of_cython, ".h": _of_c, ".c": _of_c}
GENERATED = re.compile(r"_blas_int\.pxi$")


def sources(folder):
    """Files that somebody wrote: not the C that Cython makes."""
    for path in sorted(folder.rglob("*")):
        made = path.suffix == ".c" and path.with_suffix(".pyx").exists()
        if path.suffix in COUNTERS and not made and not GENERATED.search(path.name):
            yield path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=PACKAGE)
    parser.add_argument("--files", action="store_true", help="Count each file.")
    options = parser.parse_args()
    counts = {path.relative_to(options.folder): COUNTERS[path.suffix](path.read_text()) for path in sources(options.folder)}
    if options.files:
        for path, count in counts.items():
            print(f"{count:6d}  {path}")
    for suffix in COUNTERS:
        of_suffix = [count for path, count in counts.items() if path.suffix == suffix]
        print(f"{sum(of_suffix):6d}  lines of code in {len(of_suffix)} files *{suffix}")
    print(f"{sum(counts.values()):6d}  lines of code in all")
    lengths = {path: len((options.folder / path).read_text().splitlines()) for path in counts}
    for path in sorted(lengths, key=lengths.get, reverse=True)[:12]:
        print(f"{lengths[path]:6d}  lines of {path}, with blank lines, comments and docstrings")


main()
