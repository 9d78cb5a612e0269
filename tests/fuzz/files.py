"""Files that are not as `save` and checkpoints write them, and what `load` and `fit` make of them."""

import contextlib
import io
import json
import os
import pathlib
import re
import socket
import stat
import tempfile
import tracemalloc
import warnings
import zipfile
from unittest import mock

import numpy as np

from sklstm import load, save
from sklstm.archive import read_archive
from sklstm.estimators.progress import Progress

from .errors import complaint
from .models import RECIPES, bits, data, fitted, state_of, unfitted

ALLOWED = (ValueError, TypeError, OSError)
TREE = "tree.json"


def _members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return [[name, file.read(name)] for name in file.namelist()]


def _with_size(content, n_bytes):
    """The content with another number of bytes in its tree."""
    return re.sub(rb'"n_bytes":"[0-9]{20}"', b'"n_bytes":"%020d"' % n_bytes, content, count=1)


def _packed(members, compression=zipfile.ZIP_STORED):
    """A zip file of [name, bytes], with right checksums and the number of its bytes in its tree."""
    for _ in range(2):
        stream = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", compression) as file:
            warnings.simplefilter("ignore")  # of names that come twice
            for name, content in members:
                file.writestr(zipfile.ZipInfo(name), content, compression)
        n_bytes = len(stream.getvalue())
        members = [[name, _with_size(content, n_bytes)] for name, content in members]
    return stream.getvalue()


# ---- edits of the content ----


def _truncate(rng, c):
    return c[: rng.integers(0, len(c))]


def _flip(rng, c):
    c = bytearray(c)
    for _ in range(rng.integers(1, 4)):
        c[rng.integers(len(c))] ^= 1 << rng.integers(8)
    return bytes(c)


def _append(rng, c):
    return c + rng.bytes(rng.integers(1, 5000))


def _shift(rng, c):
    """Bytes are missing or too many in the middle, and the number of bytes is right."""
    at = rng.integers(200, len(c))
    changed = c[:at] + rng.bytes(rng.integers(1, 100)) + c[at:] if rng.integers(2) else c[:at] + c[at + rng.integers(1, 100) :]
    return _with_size(changed, len(changed))


def _edit_size(rng, c):
    return _with_size(c, int(rng.choice([0, 1, len(c) - 1, len(c) + 1, 2**31, 2**40, 2**63 - 1])))


def _edit_directory(rng, c):
    """Other bytes or numbers in the directory, which says where each member is and how long."""
    c = bytearray(_with_size(c, 0) if rng.integers(2) else c)
    begin, end = c.index(b"PK\1\2"), len(c)
    for _ in range(rng.integers(1, 4)):
        at, size = rng.integers(begin, end), int(rng.choice([1, 2, 4]))
        number = int(rng.choice([0, 1, 8, 30, 46, 2**16 - 1, 2**31, 2**32 - 1, rng.integers(2**32)])) % 256**size
        c[at : at + size] = number.to_bytes(size, "little")[: end - at]
    return bytes(c)


# Of a record of the directory: byte and size of its numbers.
FLAGS, METHOD, CHECKSUM, PACKED, UNPACKED = (8, 2), (10, 2), (16, 4), (20, 4), (24, 4)
NAME, EXTRA, COMMENT, OFFSET = (28, 2), (30, 2), (32, 2), (42, 4)


def _edit_record(rng, c):
    """One number in the record of a member."""
    c = bytearray(_with_size(c, 0))
    starts = [found.start() for found in re.finditer(rb"PK\x01\x02", c)]
    start = starts[rng.integers(len(starts))]
    fields = [FLAGS, METHOD, CHECKSUM, PACKED, UNPACKED, NAME, EXTRA, COMMENT, OFFSET]
    at, size = fields[rng.integers(len(fields))]
    old = int.from_bytes(c[start + at : start + at + size], "little")
    new = int(rng.choice([0, 1, 8, 12, old + 1, old - 1, old * 2, old + 64, 2 ** (8 * size) - 1, 2 ** (8 * size - 1)]))
    c[start + at : start + at + size] = (new % 256**size).to_bytes(size, "little")
    return bytes(c)


def _overlap(rng, c):
    """A member lies where another does, with its length and its checksum."""
    c = bytearray(_with_size(c, 0))
    starts = [found.start() for found in re.finditer(rb"PK\x01\x02", c)]
    one, other = rng.choice(starts, 2)
    for at, size in (CHECKSUM, PACKED, UNPACKED, OFFSET):
        c[one + at : one + at + size] = c[other + at : other + at + size]
    return bytes(c)


def _compress(rng, c):
    return _packed(_members(c), int(rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])))


def _repeat(rng, c):
    members = _members(c)
    members.insert(rng.integers(1, len(members) + 1), members[rng.integers(len(members))])
    return _packed(members)


def _drop(rng, c):
    members = _members(c)
    del members[rng.integers(len(members))]
    return _packed(members)


def _reorder(rng, c):
    members = _members(c)
    return _packed([members[k] for k in rng.permutation(len(members))])


NAMES = [
    "../x.npy", "/etc/x.npy", "C:\\x.npy", "x/", "", "x.py", "ü.npy", "x\0.npy", "a" * 60_000, "tree.json", "TREE.JSON", ".npy",
]  # fmt: skip


def _rename(rng, c):
    members = _members(c)
    members[rng.integers(len(members))][0] = NAMES[rng.integers(len(NAMES))]
    return _packed(members)


def _add(rng, c):
    extra = [NAMES[rng.integers(len(NAMES))], _members(c)[-1][1] if rng.integers(2) else rng.bytes(rng.integers(200))]
    members = _members(c)
    members.insert(rng.integers(1, len(members) + 1), extra)
    return _packed(members)


def _array(rng, members):
    """A member that is an array, if there is one; else the tree."""
    arrays = [member for member in members if member[0] != TREE]
    return arrays[rng.integers(len(arrays))] if arrays else members[0]


def _edit_header(rng, c):
    """Another text in the header of an array: shape, order, dtype."""
    members = _members(c)
    member = _array(rng, members)
    changes = [
        (rb"'shape': \(", b"'shape': (1, "), (rb"'shape': \([0-9]*", b"'shape': (%d" % 2**62), (rb"'shape': \(", b"'shape': (-"),
        (rb"'shape': \([0-9]*", b"'shape': (0, %d" % 2**62), (rb"False", b"True"), (rb"False", b"1"), (rb"'<", b"'>"),
        (rb"'[<|][^']+'", b"'|O'"), (rb"'[<|][^']+'", b"'<f2'"), (rb"'[<|][^']+'", b"'<U1'"), (rb"'[<|][^']+'", b"'|V8'"),
        (rb"'[<|][^']+'", b"'<c16'"), (rb"'[<|][^']+'", b"'<M8[0s]'"), (rb"'[<|][^']+'", b"[('a', '<f8')]"), (rb"descr", b"x"),
        (rb"'[<|][^']+'", b"'<U0'"), (rb"'[<|][^']+'", b"'<U999999999'"), (rb"\(", b"(" * 50), (rb"\(", b"open('x', 'w').x("),
        (rb"\{", b"{'a': 1, "), (rb"\x01\x00", b"\x02\x00"), (rb"\x01\x00..", b"\x01\x00\xff\xff"), (rb"NUMPY", b"NUMPI"),
    ]  # fmt: skip
    old, new = changes[rng.integers(len(changes))]
    edited = re.sub(old, lambda found: new, member[1], count=1, flags=re.DOTALL)
    if rng.integers(2):  # the text is as long as it was
        blanks = member[1].find(b"\n", 10)
        excess = len(edited) - len(member[1])
        edited = edited[: blanks - max(0, excess)] + edited[blanks:] if 0 < excess < 40 else edited
    member[1] = edited
    return _packed(members)


def _cut_array(rng, c):
    members = _members(c)
    member = _array(rng, members)
    member[1] = member[1][: rng.integers(len(member[1]))] if rng.integers(2) else member[1] + rng.bytes(rng.integers(1, 100))
    return _packed(members)


def _pickled(rng, c):
    """An array of objects, with the pickle that NumPy writes of them."""
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}, None], object), allow_pickle=True)
    members = _members(c)
    _array(rng, members)[1] = stream.getvalue()
    return _packed(members)


def _bit_in_member(rng, c):
    """A bit of a member is another, and its checksum right."""
    members = _members(c)
    member = members[rng.integers(len(members))]
    member[1] = _flip(rng, member[1])
    return _packed(members)


def _old_format(rng, c):
    """A file of the format before, whole or in part."""
    text = (
        b'{"__metadata__":{"sha256":"' + b"0" * 64 + b'","format":"sklstm","format_version":"1","kind":"model","sklstm_version":'
        b'"0.1.0.dev0","tree":"{}"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    )
    old = len(text).to_bytes(8, "little") + text + bytes(4)
    return old if rng.integers(3) else _flip(rng, old) if rng.integers(2) else old[: rng.integers(1, len(old))]


ODD = [
    None, True, 0, -1, 1, 2**31, 2**63, -(2**63), 1e308, -0.5, "", "a", "nan", [], [1], {}, {"a": 1}, [None], "0" * 70,
    {"$int": "9" * 4000}, {"$tuple": []}, {"$float": "7ff8000000000000"}, {"$float": "inf"}, {"$array": "x.npy"}, {"$dict": {}},
    {"$dict": [[[], 1]]}, {"$scalar": []}, {"$scalar": ["O", "00"]}, {"$objects": [[2**62], []]}, {"$Generator": {}}, {"$ls": ""},
    {"$RandomState": {"bit_generator": "MT19937", "state": {"key": 0, "pos": 10**6}}}, [[[[[]]]]],
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


def _with_tree(c, text):
    members = _members(c)
    start = members[0][1].partition(b'"tree":')[0]
    members[0][1] = start + b'"tree":' + text.encode() + b"}"
    return _packed(members)


def _edit_tree(rng, c):
    tree = json.loads(_members(c)[0][1])["tree"]
    for _ in range(rng.integers(1, 3)):
        tree = _edit_at(rng, tree)
    return _with_tree(c, json.dumps(tree, separators=(",", ":"), ensure_ascii=False))


TEXTS = [
    "", "[", "NaN", "[1e999]", "[-Infinity]", '{"a":1,"a":2}', "[" * 100_000 + "]" * 100_000, '{"a":' * 50_000, "9" * 100_000,
    "1 ", "[1, 2]", '"\\u0041"', "1}", "null,null", '"' + "\udc80".encode("utf-8", "surrogatepass").decode("latin-1"), "{}" * 3,
    "[" + "[]," * 100_000 + "1]", "[" + '{"$objects":[[0],[]]},' * 20_000 + "1]",
]  # fmt: skip


def _other_tree(rng, c):
    """A tree that is no JSON, not strict, too deep, or something else."""
    return _with_tree(c, TEXTS[rng.integers(len(TEXTS))])


def _edit_start(rng, c):
    """Another format, version or kind."""
    old, new = [
        (b'"sklstm"', b'"others"'), (b'_version":1', b'_version":2'), (b'_version":1', b'_version":999999'),
        (b'_version":1', b'_version":0'), (b'"kind":"', b'"kind":"x'), (b'"kind":"', b'"kind":["'), (b'"tree"', b'"Tree"'),
        (b'"tree"', b'"tree":0,"tree"'), (b"{", b"[{"), (b'"version":"', b'"version":"' + b"9" * 30),
    ][rng.integers(10)]  # fmt: skip
    members = _members(c)
    members[0][1] = members[0][1].replace(old, new, 1)
    return _packed(members)


def _edit_arrays(rng, c):
    """Other numbers in an array: infinite, NaN, huge, negative."""
    members = _members(c)
    member = _array(rng, members)
    content = bytearray(member[1])
    begin = 128 + 8 * int(rng.integers(0, max(1, (len(content) - 128) // 8 - 4)))
    kind = rng.integers(4)
    words = np.array([np.nan, np.inf, 1e308, -1.0]) if kind else np.array([2**63 - 1, -1, 2**31, 2**62]).view(float)
    content[begin : begin + 32] = words.tobytes()[: max(0, len(content) - begin)]
    member[1] = bytes(content)
    return _packed(members)


def _other_file(rng, c):
    return [b"", b"PK\x03\x04" + c, b"\x80\x04K\x01.", b"\x93NUMPY", b"{}", rng.bytes(1000), b"\0" * 4096, c[::-1], c[8:]][
        rng.integers(9)
    ]


EDITS = [
    _truncate, _flip, _append, _shift, _edit_size, _edit_directory, _edit_directory, _edit_record, _edit_record, _overlap,
    _compress, _repeat, _drop, _reorder, _rename, _add, _edit_header, _edit_header, _edit_header, _cut_array, _pickled,
    _bit_in_member, _old_format, _edit_tree, _edit_tree, _edit_tree, _edit_tree, _other_tree, _other_tree, _edit_start,
    _edit_arrays, _other_file,
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
        what, sound, too_large = f"{place.__name__} for {recipe}", None, ""
    else:
        edit = EDITS[rng.integers(len(EDITS))]
        edited = edit(rng, content)
        path.write_bytes(edited)
        what, sound = f"{edit.__name__} of {recipe}", edited == content
        too_large = _memory(path, "checkpoint" if checkpoint else "model")
    what += ", checkpoint" if checkpoint else ", model"
    kind = _kinds(folder)
    source = path if checkpoint or sound is None or rng.integers(3) else _opened(rng, path)
    what += "" if source is path else f", as {type(source).__name__}"
    try:
        found = (_fit_on if checkpoint else _load)(recipe, source)
    except Exception as error:
        found = "a file as it was written is refused" if sound and source is path else complaint(error, ALLOWED)
    found = found or too_large
    if not found and sound is None and not checkpoint:
        found = _saving(recipe, path)
    if not found and sound is None and not kind.items() <= _kinds(folder).items():
        found = "what is no regular file was replaced"
    if not found and any(entry.name.startswith(".sklstm") for entry in folder.iterdir()):
        found = "a temporary file was left"
    return what, found


def _memory(path, kind):
    """What is wrong with the memory that reading takes, which the size of the file bounds."""
    size = path.stat().st_size
    tracemalloc.start()
    with contextlib.suppress(*ALLOWED):
        read_archive(path, kind)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"reading a file of {size} bytes takes {peak}" if peak > 60 * size + 5_000_000 else ""


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
