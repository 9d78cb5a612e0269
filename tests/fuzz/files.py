"""Files that are not as `save` and checkpoints write them, and what `load` and `fit` make of them."""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import socket
import stat
import tempfile
from unittest import mock

import numpy as np

from sklstm import load, save
from sklstm.estimators.progress import Progress

from .errors import complaint
from .models import RECIPES, bits, data, fitted, state_of, unfitted

DIGEST = slice(8 + len(b'{"__metadata__":{"sha256":"'), 8 + len(b'{"__metadata__":{"sha256":"') + 64)
ALLOWED = (ValueError, TypeError, OSError)


def resealed(content):
    """The content with the checksum that it should have."""
    if len(content) < DIGEST.stop:
        return content
    blank = content[: DIGEST.start] + b"0" * 64 + content[DIGEST.stop :]
    return blank[: DIGEST.start] + hashlib.sha256(blank).hexdigest().encode() + blank[DIGEST.stop :]


def _header(content):
    n = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + n]), content[8 + n :]


def _with_header(header, rest):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return resealed(len(text).to_bytes(8, "little") + text + rest)


# ---- edits of the content ----


def _truncate(rng, c):
    return c[: rng.integers(0, len(c))]


def _flip(rng, c):
    c = bytearray(c)
    for _ in range(rng.integers(1, 4)):
        c[rng.integers(len(c))] ^= 1 << rng.integers(8)
    return bytes(c)


def _flip_and_seal(rng, c):
    return resealed(_flip(rng, c))


def _truncate_and_seal(rng, c):
    return resealed(_truncate(rng, c))


def _append_and_seal(rng, c):
    return resealed(c + rng.bytes(rng.integers(1, 5000)))


def _header_length(rng, c):
    n = int(rng.choice([0, 1, 8, len(c) - 8, len(c), 2**31, 2**40, 2**63 - 1]))
    return resealed(n.to_bytes(8, "little") + c[8:])


ODD = [
    None, True, 0, -1, 1, 2**31, 2**63, -(2**63), 1e308, -0.5, "", "a", "nan", [], [1], {}, {"a": 1}, [None], "0" * 70,
    {"int": "9" * 4000}, {"tuple": []}, {"float": "nan"}, {"float": "inf"}, {"array": [0]}, {"dict": {}}, {"scalar": []},
    {"generator": []}, [[[[[]]]]],
]  # fmt: skip


def _places(node, path=()):
    """Paths to everything in a tree of JSON."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from _places(value, (*path, key))


def _edit_at(rng, tree):
    """Something in the tree becomes another thing, is left out, or comes twice."""
    places = [path for path in _places(tree) if path]
    path = places[rng.integers(len(places))]
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    old, kind = parent[path[-1]], rng.integers(6)
    if kind == 0 and isinstance(parent, dict):
        del parent[path[-1]]
    elif kind == 1 and isinstance(parent, list):
        parent.insert(path[-1], old)
    elif kind == 2 and isinstance(old, (int, float)) and not isinstance(old, bool):
        parent[path[-1]] = [old + 1, old - 1, -old, old * 2, old * 10**6, 0, float(old)][rng.integers(7)]
    elif kind == 3:
        other = places[rng.integers(len(places))]
        node = tree
        for key in other:
            node = node[key]
        parent[path[-1]] = json.loads(json.dumps(node))
    else:
        parent[path[-1]] = ODD[rng.integers(len(ODD))]
    return tree


def _edit_tree(rng, c):
    header, rest = _header(c)
    tree = json.loads(header["__metadata__"]["tree"])
    for _ in range(rng.integers(1, 3)):
        tree = _edit_at(rng, tree)
    header["__metadata__"]["tree"] = json.dumps(tree, separators=(",", ":"))
    return _with_header(header, rest)


def _edit_entries(rng, c):
    header, rest = _header(c)
    return _with_header(_edit_at(rng, header), rest)


def _edit_arrays(rng, c):
    """Other numbers in the arrays: infinite, NaN, huge, negative."""
    header, rest = _header(c)
    rest = bytearray(rest)
    begin = 8 * int(rng.integers(0, max(1, len(rest) // 8 - 4)))
    kind = rng.integers(4)
    words = np.array([np.nan, np.inf, 1e308, -1.0]) if kind else np.array([2**63 - 1, -1, 2**31, 2**62]).view(float)
    rest[begin : begin + 32] = words.tobytes()[: len(rest) - begin]
    return _with_header(header, bytes(rest))


def _other_file(rng, c):
    return [b"", b"PK\x03\x04" + c, b"\x80\x04K\x01.", b"\x93NUMPY", b"{}", rng.bytes(1000), b"\0" * 4096, c[::-1], c[8:]][
        rng.integers(9)
    ]


EDITS = [
    _truncate, _flip, _flip_and_seal, _flip_and_seal, _truncate_and_seal, _append_and_seal, _header_length,
    _edit_tree, _edit_tree, _edit_tree, _edit_tree, _edit_entries, _edit_entries, _edit_arrays, _other_file,
]  # fmt: skip


# ---- places that are no regular files ----


def _sparse(folder, path, content):
    size = 1 << 40
    path.write_bytes(content)
    os.truncate(path, size)


def _fifo(folder, path, content):
    os.mkfifo(path)


def _loop(folder, path, content):
    path.symlink_to(path.name)


def _dangling(folder, path, content):
    path.symlink_to("nowhere")


def _directory(folder, path, content):
    path.mkdir()


def _device(folder, path, content):
    """A node of our own beside nothing else: a save that replaces devices must not meet one of the machine's."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # as /dev/null
    except OSError:
        os.mkfifo(path)  # not permitted: only root may


def _to_device(folder, path, content):
    _device(folder, folder / "node", content)
    path.symlink_to("node")


def _no_file(folder, path, content):
    pass


def _socket(folder, path, content):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


PLACES = [_sparse, _fifo, _loop, _dangling, _directory, _device, _to_device, _no_file, _socket]


def trial(seed):
    """One file: what it was, and what is wrong with the outcome (empty if nothing is)."""
    rng = np.random.default_rng(seed)
    recipe = list(RECIPES)[rng.integers(len(RECIPES))]
    checkpoint = rng.integers(3) == 0
    with tempfile.TemporaryDirectory() as name:
        before = os.getcwd()
        os.chdir(name)
        try:
            return _in(pathlib.Path(name), rng, recipe, checkpoint)
        finally:
            os.chdir(before)


def _in(folder, rng, recipe, checkpoint):
    path = folder / "file"
    if checkpoint:
        _interrupted(unfitted(recipe, checkpoint=path, max_iter=2), recipe)
    else:
        save(fitted(recipe), path)
    content = path.read_bytes()
    if rng.integers(12) == 0:
        path.unlink()
        place = PLACES[rng.integers(len(PLACES))]
        place(folder, path, content)
        what, sound = f"{place.__name__} for {recipe}", None
    else:
        edit = EDITS[rng.integers(len(EDITS))]
        edited = edit(rng, content)
        path.write_bytes(edited)
        what, sound = f"{edit.__name__} of {recipe}", edited == content
    what += ", checkpoint" if checkpoint else ", model"
    kind = _kinds(folder)
    source = path if checkpoint or sound is None or rng.integers(3) else _opened(rng, path)
    what += "" if source is path else f", as {type(source).__name__}"
    try:
        found = (_fit_on if checkpoint else _load)(recipe, source)
    except Exception as error:
        found = "a file as it was written is refused" if sound and source is path else complaint(error, ALLOWED)
    if not found and sound is None and not checkpoint:
        found = _saving(recipe, path)
    if not found and sound is None and not kind.items() <= _kinds(folder).items():
        found = "what is no regular file was replaced"
    if not found and any(entry.name.startswith(".sklstm") for entry in folder.iterdir()):
        found = "a temporary file was left"
    return what, found


def _interrupted(model, recipe):
    """Fit a model until its first epoch is in the checkpoint."""
    with mock.patch.object(Progress, "show", side_effect=KeyboardInterrupt), contextlib.suppress(KeyboardInterrupt):
        model.fit(*data(recipe))


def _fit_on(recipe, path):
    model = unfitted(recipe, checkpoint=path, max_iter=2)
    before = state_of(model)
    try:
        model.fit(*data(recipe))
    except Exception:
        if state_of(model) != before:
            return "the refused fit left the model changed"
        raise
    bits(model.predict(data(recipe)[0]))
    return ""


class _Dripping(io.BytesIO):
    """Gives less than it is asked for, as a pipe or a socket does."""

    def read(self, size=-1):
        return super().read(7 if size is None or size < 0 or size > 7 else size)


class _Forward(io.RawIOBase):
    """Cannot seek, and tells no size."""

    def __init__(self, content):
        self._content = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._content.readinto(buffer)


def _opened(rng, path):
    """The same content as a file object of some kind."""
    content = path.read_bytes()
    kinds = io.BytesIO, _Dripping, _Forward, lambda content: path.open("rb"), lambda content: io.StringIO("text")
    return kinds[rng.integers(len(kinds))](content)


def _load(recipe, path):
    """Whatever loads also works: each operation gives a result or an error of ours."""
    model = load(path)
    X, y = data(recipe)
    for operation in (
        lambda: model.predict(X),
        lambda: model.encode(X),
        lambda: model.score(X, y),
        lambda: repr(model),
        lambda: model.stream().step(np.zeros(2)),
        lambda: model.partial_fit(X, y),
        lambda: model.set_params(warm_start=True, max_iter=1).fit(X, y),
        lambda: model.predict(X),
        lambda: save(model, "again"),
        lambda: load("again").predict(X),
    ):
        try:
            operation()
        except Exception as error:
            found = complaint(error, (*ALLOWED, AttributeError))
            if found and "NaN" not in str(error):  # weights that are NaN: metrics say so of the predictions
                return f"loaded, then {found}"
    return ""


def _saving(recipe, path):
    """Saving there works, or is refused."""
    try:
        save(fitted(recipe), path)
    except Exception as error:
        return complaint(error, ALLOWED)
    return ""


def _kinds(folder):
    """What each entry of the folder is, links not followed."""
    return {entry.name: stat.S_IFMT(entry.lstat().st_mode) for entry in folder.iterdir()}
