"""A tree of plain values and arrays as one file, for checkpoints and models.

The file is an `.npz` file of NumPy: a zip of members that are stored, not compressed. ``numpy.load(path, allow_pickle=False)``
opens it. Its first member, `tree.json`, has the tree as JSON; each array is a member of its own, named by its path in the tree.
What JSON has no word for is an object of one key that begins with ``$``: ``{"$tuple": [1, 2]}``, ``{"$array": "theta.npy"}``.

Reading runs no code, and takes memory by the size of the file and not by what the file says. The CRC-32 of each member finds
damage, and a tree that was read has to be written as the same text again: whatever sklstm would not write is refused.
"""

import datetime
import decimal
import io
import json
import math
import os
import re
import struct
import sys
import zipfile
import zlib
from importlib.metadata import version

import numpy as np

from .files import copy_bytes, is_file_object, kind_of_file, name_of, open_regular, replacing, write_all

FORMAT_VERSION = 1
OWN_VERSION = version("sklstm")

KINDS = {
    "model": "a model, which sklstm.persistence.load reads",
    "checkpoint": "a checkpoint, from which fit continues training",
}

# The member of the tree. Its name does not end in .npy, so NumPy returns its bytes, and `unzip -p` prints it. It begins with what
# is to be known first; the number of bytes of the file is 0 where it is large.
TREE = "tree.json"
HEADER = '{{"format":"sklstm","format_version":{},"kind":"{}","version":"{}","n_bytes":"{:020}","tree":'
START = re.compile(
    rb'PK\x03\x04.{26}tree\.json\{"format":"sklstm","format_version":([0-9]{1,6}),"kind":"([a-z]{1,20})","version":"([^"]{1,40})",'
    rb'"n_bytes":"([0-9]{20})","tree":',
    re.DOTALL,
)
OLD_START = re.compile(rb'.{8}\{"__metadata__":\{"sha256":.{1,200}?"sklstm_version":"([\w.+!-]{1,40})"', re.DOTALL)  # safetensors
N_START = 200  # bytes that these take at most, and fewer than any file has

MAX_DEPTH = 64  # of the tree
LONGEST_ITEM = 1 << 20  # bytes of an item in an array that has none: NumPy allocates one all the same

# Start of an array in C order, as NumPy writes it.
NPY_START = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '[<|]([^']{1,40})', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n", re.DOTALL
)


def write_archive(path, tree, kind):
    """Write a tree to a file, completely or not at all; to an open file from its position, without seeking.

    The tree is a value of JSON or of a type in `FORMS`, an array of numbers, texts or times, or a list, dict or array of these.
    Anything else is a TypeError that says where it is. An OSError leaves a file as it was.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
    text, arrays = _encoded(tree)
    members = {name: [_npy_start(array), _bytes_of(array)] for name, array in arrays.items()}
    members = {TREE: [HEADER.format(FORMAT_VERSION, kind, OWN_VERSION, 0).encode(), text, b"}"]} | members
    n_bytes = sum(76 + 2 * len(name) + sum(map(len, pieces)) for name, pieces in members.items()) + 22
    if n_bytes < zipfile.ZIP64_LIMIT:
        members[TREE][0] = HEADER.format(FORMAT_VERSION, kind, OWN_VERSION, n_bytes).encode()
    if is_file_object(path, "write"):
        write_all(path, [_zipped(members)])
        getattr(path, "flush", bool)()  # so that the path of a file that is still open can be read
    else:
        with replacing(path) as file:
            file.write(_zipped(members))


def read_archive(path, kind):
    """Read a tree that `write_archive` wrote; from an open file from its position to the end of the tree, without seeking.

    A file that sklstm did not write, that is damaged, of another kind or of a newer version is a ValueError.
    """
    name = name_of(path)
    with _in_memory(path) if is_file_object(path, "read") else open_regular(path) as file:
        start = file.read(N_START)
        found = START.match(start)
        if not found:
            raise ValueError(f"{name} {_description(start, kind)}")
        if int(found[1]) != FORMAT_VERSION:
            raise ValueError(
                f"{name} was written by a newer sklstm (format {int(found[1])}), version {found[3].decode('latin-1')}; this"
                f" version reads format {FORMAT_VERSION}: upgrade sklstm."
            )
        got = found[2].decode()
        if got != kind:
            raise ValueError(f"{name} is {KINDS.get(got, f'a {got}')}; expected {KINDS[kind]}. Pass the path of such a file.")
        try:
            return _read_zip(file, int(found[4]))
        except MemoryError:
            raise
        except Exception as error:  # of zipfile, json, NumPy or a type in FORMS: a sound file raises none
            prefix = "" if isinstance(error, (ValueError, zipfile.BadZipFile)) else f"{type(error).__name__}: "
            raise ValueError(
                f"{name} is damaged: {prefix}{error!s:.200}. It was cut off or changed since it was written, or is not by"
                " sklstm: restore a copy, or write it again."
            ) from error


def _in_memory(file):
    """The bytes of a file object from its position to the end of the tree; of another file the first ones."""
    buffer = io.BytesIO()
    copy_bytes(file, N_START, buffer)
    found = START.match(buffer.getvalue())
    if found:
        copy_bytes(file, (int(found[4]) or sys.maxsize) - N_START, buffer)
    buffer.seek(0)
    return buffer


def _description(start, kind):
    """What a file is that begins otherwise."""
    old = OLD_START.match(start)
    if old:
        return (
            f"was written by an earlier build of sklstm {old[1].decode()} in a format (safetensors) that this one cannot read."
            " Fit again and save, or load the file with the build that wrote it."
        )
    return (
        f"is no sklstm file: expected {KINDS[kind]}, got {kind_of_file(start)}. Pass the path of a file that sklstm wrote (if"
        " this is one, it is damaged: restore a copy)."
    )


def _npy_start(array):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
    return stream.getvalue()


def _bytes_of(array):
    """The memory of a contiguous array."""
    return array.reshape(-1).view(np.uint8).data


def _zipped(members):
    """A zip file of members (name -> pieces of bytes): the same bytes for the same members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, pieces in members.items():
            member = zipfile.ZipInfo(name)  # of the year 1980
            member.create_system, member.file_size = 3, sum(map(len, pieces))
            with archive.open(member, "w") as stream:
                for piece in pieces:
                    stream.write(piece)
    return buffer.getbuffer()


def _read_zip(file, n_bytes):
    """The tree in a zip file, which was written with so many bytes."""
    size = file.seek(0, os.SEEK_END)
    if n_bytes not in (0, size):
        raise ValueError(f"it has {size} bytes, but was written with {n_bytes}")
    with zipfile.ZipFile(file) as archive:
        places = _places(file, archive)
        text = archive.read(TREE)
    names = list(places)

    def restored(node):
        """The value of an object of JSON, the items of which are values already."""
        (tag,) = node if len(node) == 1 else [""]
        if tag[:1] != "$":
            return node
        return _read_array(file, node[tag], *places.pop(node[tag])) if tag == "$array" else FROM_JSON[tag](node[tag])

    tree = json.loads(text, object_hook=restored)["tree"]
    again, arrays = _encoded(tree)
    if not text.endswith(b'","tree":' + again + b"}") or [TREE, *arrays] != names:
        raise ValueError(f"its {TREE} is not as sklstm writes it")
    return tree


def _places(file, archive):
    """Name of each member of a zip file -> CRC-32, first byte, byte after the last.

    Members have to be stored one after the other, from the first byte to the directory, so that they take no more than its size.
    """
    places, begin, members = {}, 0, archive.infolist()
    ends = [member.header_offset for member in members[1:]] + [archive.start_dir]
    for member, end in zip(members, ends, strict=True):
        name, n_bytes = member.filename, member.file_size
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits or member.compress_size != n_bytes:
            raise ValueError(f"its member {name[:80]!r} is compressed or encrypted, which sklstm does not do")
        n_between = end - begin - 30 - len(name) - n_bytes  # 20 where sizes take 64 bits
        if member.header_offset != begin or n_between not in (0, 20) or name in places:
            raise ValueError(f"its member {name[:80]!r} overlaps another, has a gap beside it or comes twice")
        member.extra, member.extract_version = b"", 20  # those of the directory are also for an offset of more than 2 GB
        header = member.FileHeader(zip64=n_between > 0)
        file.seek(begin)
        if file.read(len(header)) != header:
            raise ValueError(f"its member {name[:80]!r} has a damaged header")
        places[name] = member.CRC, end - n_bytes, end
        begin = end
    return places


def _read_array(file, name, crc, begin, end):
    file.seek(begin)
    start = file.read(10)
    start += file.read(int.from_bytes(start[8:], "little"))
    found = NPY_START.fullmatch(start)
    dtype = np.dtype(found[1].decode() if found else object).newbyteorder("<")
    if not _is_plain(dtype):
        raise ValueError(f"its array {name} is not of numbers, texts or times in C order")
    shape = tuple(map(int, found[2].replace(b",", b" ").split()))
    n_bytes, n_stored = math.prod(shape) * dtype.itemsize, end - begin - len(start)
    if n_bytes != n_stored or dtype.itemsize > max(n_bytes, LONGEST_ITEM):
        raise ValueError(f"its array {name} of shape {shape} and {dtype} needs {n_bytes} bytes, but has {n_stored}")
    array = np.empty(shape, dtype)
    file.readinto(_bytes_of(array))
    if zlib.crc32(_bytes_of(array), zlib.crc32(start)) != crc:
        raise ValueError(f"its array {name} does not have the checksum with which it was written")
    numbers, largest = {"b": ("u1", 1), "U": ("<u4", sys.maxunicode)}.get(dtype.kind, (None, 0))
    if numbers and array.size and array.reshape(-1).view(numbers).max() > largest:
        raise ValueError(f"its array {name} has values that {dtype} does not have")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _encoded(tree):
    """The text of a tree, and the arrays in it by name."""
    arrays = {}
    text = json.dumps(_to_json(tree, (), arrays), separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass"), arrays


def _to_json(value, path, arrays):
    """A value as JSON; `path` is the keys that lead to it, and its arrays are added to `arrays` by name."""
    kind = type(value)
    if value is None or kind in (str, bool) or (kind is float and math.isfinite(value)) or (kind is int and abs(value) < 2**63):
        return value
    if len(path) > MAX_DEPTH:
        raise TypeError(f"{path[0]!r} is nested more than {MAX_DEPTH} deep, or contains itself. Flatten it.")
    if kind is list:
        return [_to_json(item, (*path, k), arrays) for k, item in enumerate(value)]
    if kind is dict:
        # Without a call for each text: a checkpoint has many, such as all parameters.
        items = {key: item if type(item) is str else _to_json(item, (*path, key), arrays) for key, item in value.items()}
        if all(type(key) is str and key[:1] != "$" for key in items):
            return items
        return {"$dict": [[_to_json(key, (*path, key), arrays), item] for key, item in items.items()]}
    if kind in (np.ndarray, np.memmap) and value.dtype == object:
        return {"$objects": [list(value.shape), _to_json(value.ravel().tolist(), path, arrays)]}
    if kind in (np.ndarray, np.memmap) and _is_plain(value.dtype):
        return {"$array": _add_array(value, path, arrays)}
    if kind not in FORMS and isinstance(value, np.generic) and _is_plain(value.dtype):
        kind = np.generic
    tag, reduce, _ = FORMS.get(kind, (None, lambda value: None, None))
    reduced = reduce(value)
    if reduced is None:
        raise TypeError(_unknown_type(value, path))
    return {tag: _to_json(reduced, path, arrays)}


def _add_array(array, path, arrays):
    """Name of an array, which is added to others: its path, as far as that is unique and names a file everywhere."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "_", ".".join(map(str, path)))[:200] or "array"
    name, k = f"{readable}.npy", 1
    while name in arrays:
        name, k = f"{readable}~{k}.npy", k + 1
    arrays[name] = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    return name


def _is_plain(dtype):
    """Whether a dtype is of numbers, texts or times, of sizes that every machine has, and no unit of 0 seconds."""
    return dtype.kind in "biufcSUmM" and dtype.char not in "gG" and dtype.itemsize > 0 and "[0" not in dtype.str


def _unknown_type(value, path):
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if isinstance(value, (np.ndarray, np.generic)):
        kind = f"{kind} of dtype {value.dtype}"
    where = "".join(f"[{key!r}]" for key in path) or "The value"
    return (
        f"{where} is a {kind}, which cannot be saved: expected None, bool, int, float, str, bytes, date, datetime, time,"
        " timedelta, Decimal, list, tuple, dict, a NumPy scalar or array, a Generator by PCG64 or a RandomState by MT19937."
        " Convert it to one of these."
    )


def _reduce_time(value):
    has_other_zone = type(getattr(value, "tzinfo", None)) not in (type(None), datetime.timezone)
    return None if has_other_zone else value.isoformat()


def _state_by(bit_generator, state):
    return state if state["bit_generator"] == bit_generator else None


def _restore_generator(state):
    bits = np.random.PCG64(0)
    bits.state = state
    return np.random.Generator(bits)


def _restore_random_state(state):
    key, position = state["state"]["key"], state["state"]["pos"]
    # NumPy takes other positions, too, and then reads beyond the key.
    if (key.dtype, key.shape) != (np.uint32, (624,)) or not 0 <= position <= 624:
        raise ValueError("it has a RandomState of a state that none has")
    rng = np.random.RandomState(0)
    rng.set_state(state)
    return rng


# Type -> key in JSON, function that makes another value of one (or None where it cannot), function that restores it from that.
# Integers of more than 64 bits and floats that are not finite are such, too; a NaN keeps its bits.
FORMS = {
    int: ("$int", hex, lambda text: int(text, 16)),
    float: ("$float", lambda value: struct.pack(">d", value).hex(), lambda text: struct.unpack(">d", bytes.fromhex(text))[0]),
    bytes: ("$bytes", bytes.hex, bytes.fromhex),
    tuple: ("$tuple", list, tuple),
    decimal.Decimal: ("$decimal", str, decimal.Decimal),
    datetime.date: ("$date", _reduce_time, datetime.date.fromisoformat),
    datetime.datetime: ("$datetime", _reduce_time, datetime.datetime.fromisoformat),
    datetime.time: ("$time", _reduce_time, datetime.time.fromisoformat),
    datetime.timedelta: ("$timedelta", lambda t: [t.days, t.seconds, t.microseconds], lambda t: datetime.timedelta(*t)),
    # As dtype and bytes, these two would lose characters of code 0 at the end.
    np.str_: ("$numpy.str", "".join, np.str_),
    np.bytes_: ("$numpy.bytes", bytes.hex, lambda text: np.bytes_(bytes.fromhex(text))),
    np.generic: (
        "$scalar",
        lambda value: [value.dtype.str[1:], np.asarray(value, value.dtype.newbyteorder("<")).tobytes().hex()],
        lambda parts: np.frombuffer(bytes.fromhex(parts[1]), np.dtype(parts[0]).newbyteorder("<"), 1)[0],
    ),
    np.random.Generator: ("$Generator", lambda rng: _state_by("PCG64", rng.bit_generator.state), _restore_generator),
    np.random.RandomState: ("$RandomState", lambda rng: _state_by("MT19937", rng.get_state(legacy=False)), _restore_random_state),
}
FROM_JSON = {tag: restore for tag, _, restore in FORMS.values()} | {
    "$dict": dict,
    "$objects": lambda parts: np.fromiter(parts[1], object, len(parts[1])).reshape(parts[0]),
}
