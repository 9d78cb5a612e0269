"""A tree of plain values and arrays as one file, for checkpoints and models.

The file is a *safetensors* file: eight bytes with the length of a JSON header, the header, and the arrays one after the
other, all little-endian. Other tools can open it and see the arrays under their paths in the tree. The rest of the tree
is JSON too, a text in the header's metadata, in which whatever JSON has no word for is an object with one tag:
``{"tuple": [1, 2]}``. Reading runs no code, takes memory by the size of the file and not by what the file says, and
finds every flipped bit: the metadata begin with a SHA-256 of the file, computed with zeros in its place.
"""

import datetime
import decimal
import hashlib
import io
import itertools
import json
import math
import os
import re
import struct
import sys
from functools import cache
from importlib.metadata import version

import numpy as np

from .files import CHUNK, copy_bytes, is_file_object, open_regular, replacing, write_all
from .network.workspace import aligned_empty

FORMAT_VERSION = 1

# What makes the tree of a file one of the next version: version -> function(tree, kind) -> tree.
UPGRADES = {}

KINDS = {
    "model": "a model, which sklstm.persistence.load reads",
    "checkpoint": "a checkpoint, from which fit continues training",
}

MAX_DEPTH = 64  # of the tree
MAX_HEADER = 100_000_000  # bytes: the limit of the safetensors package

PREFIX = b'{"__metadata__":{"sha256":"'
DIGEST = slice(8 + len(PREFIX), 8 + len(PREFIX) + 64)
NO_DIGEST = b"0" * 64
HEADER_ALIGNMENT = 64

# Bytes that other files begin with, for messages.
OTHER_FILES = {
    b"PK\x03\x04": "a zip file (such as NumPy's .npz, PyTorch's .pt, skops)",
    b"\x1f\x8b": "a gzip file",
    b"\x80": "a pickle (such as joblib.dump writes)",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x89HDF": "an HDF5 file",
    b"x": "a compressed pickle (such as joblib.dump writes)",
}

# safetensors' name -> NumPy's.
TENSOR_DTYPES = {
    "BOOL": "b1",
    **{f"{letter.upper()}{8 * n}": f"{letter}{n}" for letter in "iu" for n in (1, 2, 4, 8)},
    **{f"F{8 * n}": f"f{n}" for n in (2, 4, 8)},
}
TENSOR_NAMES = {name: tensor for tensor, name in TENSOR_DTYPES.items()}

UNITS = "Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as"
PLAIN_DTYPE = re.compile(rf"b1|[iu][1248]|f[248]|c(?:8|16)|[US][1-9][0-9]{{0,9}}|[mM]8(?:\[(?:[1-9][0-9]{{0,8}})?(?:{UNITS})\])?")
LONGEST_TEXT = 1 << 20  # bytes of a text in an array without any, for which NumPy takes memory all the same

BIT_GENERATORS = {name: getattr(np.random, name) for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")}
# Largest values of the integers in their states. NumPy takes larger positions, and then reads where there is no memory.
STATE_LIMITS = {
    "pos": 624,
    "buffer_pos": 4,
    "has_uint32": 1,
    "has_gauss": 1,
    "uinteger": 2**32 - 1,
    "state": 2**128 - 1,
    "inc": 2**128 - 1,
}
MAX_SEED_POOL = 1024  # words; the default is 4


class _Fault(ValueError):
    """What is wrong with a file; the message goes on after its name."""


def write_archive(path, tree, kind):
    """Write a tree to a file, which is there as a whole or not at all.

    Parameters
    ----------
    path : str, path-like or binary file
        An existing file is replaced. To an open file it is written from where that stands, without seeking.
    tree
        None, bool, int, float, str, bytes, dates, times, timedeltas, decimals, lists, tuples, dicts (keys of any of these
        kinds), NumPy scalars and arrays of numbers, texts, times or such objects, `numpy.random.Generator`,
        `numpy.random.RandomState`.
    kind : {"model", "checkpoint"}

    Raises
    ------
    TypeError
        If the tree holds anything else; the message says where.
    OSError
        If the file cannot be written; one that was there before is still there.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
    encoder = _Encoder()
    node = encoder.encode(tree, ())
    metadata = {
        "sha256": NO_DIGEST.decode(),
        "format": "sklstm",
        "format_version": str(FORMAT_VERSION),
        "kind": kind,
        "sklstm_version": _own_version(),
        "tree": json.dumps(node, separators=(",", ":"), allow_nan=False),
    }
    tensors = encoder.sorted_tensors()
    pieces = _written_pieces(_header(metadata, tensors), [tensor.data for tensor in tensors])
    if is_file_object(path, "write"):
        write_all(path, pieces)
        getattr(path, "flush", bool)()  # so that the path of a file that is still open can be read
        return
    with replacing(path) as file:
        write_all(file, pieces)


def read_archive(path, kind):
    """The tree in a file that `write_archive` wrote.

    Parameters
    ----------
    path : str, path-like or binary file
        An open file is read from where it stands to the end of the tree, without seeking.
    kind : {"model", "checkpoint"}
        What the file is expected to be.

    Returns
    -------
    tree
        Arrays are writable, in the byte order of the machine, and begin at multiples of 64 bytes.

    Raises
    ------
    OSError
        If there is no such file, or if it cannot be read.
    ValueError
        If the file is none of sklstm's, is damaged, of another kind or of a newer version.
    """
    with _in_memory(path) if is_file_object(path, "read") else open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            return _read_file(file, size, kind)
        except _Fault as fault:
            raise ValueError(f"{name_of(path)} {fault}") from None


# ---- the file ----


@cache
def _own_version():
    return version("sklstm")


def _header(metadata, tensors):
    """The length of the header, and the header, padded so that the arrays begin at a multiple of 64 bytes."""
    entries, end = {}, 0
    for tensor in tensors:
        begin, end = end, end + tensor.data.nbytes
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, end]}
    text = json.dumps({"__metadata__": metadata} | entries, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % HEADER_ALIGNMENT)
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"The values beside the arrays take {len(text)} bytes, more than the {MAX_HEADER} that a file may have. Put long"
            " lists of numbers into arrays."
        )
    return len(text).to_bytes(8, "little") + text


def _written_pieces(header, arrays):
    """The header with its checksum, and the bytes of the arrays."""
    pieces = [array.reshape(-1).view(np.uint8).data for array in arrays]
    digest = hashlib.sha256(header)
    for piece in pieces:
        digest.update(piece)
    return [header[: DIGEST.start] + digest.hexdigest().encode() + header[DIGEST.stop :], *pieces]


def name_of(path):
    """What messages call a path or a file."""
    name = getattr(path, "name", None) if is_file_object(path, "read") else path
    return os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else "The file"


def _in_memory(file):
    """The bytes of a file object, from where it stands, as far as its header describes them."""
    buffer = io.BytesIO()
    copy_bytes(file, DIGEST.stop, buffer)
    start = buffer.getvalue()
    n_header = int.from_bytes(start[:8], "little")
    if start[8 : DIGEST.start] == PREFIX and n_header <= MAX_HEADER:
        copy_bytes(file, n_header + 8 - DIGEST.stop, buffer)
        copy_bytes(file, _n_bytes_of_arrays(buffer.getvalue()[8:]), buffer)
    buffer.seek(0)
    return buffer


def _n_bytes_of_arrays(text):
    """How many bytes follow a header by its own account; 0 for one that is damaged."""
    try:
        entries = _parse(text.decode()).items()
        return max([0, *(entry["data_offsets"][1] for name, entry in entries if name != "__metadata__")])
    except (ValueError, TypeError, LookupError, AttributeError):
        return 0


def _read_file(file, size, kind):
    start = file.read(DIGEST.stop)
    if start[8 : DIGEST.start] != PREFIX or len(start) < DIGEST.stop:
        raise _Fault(
            f"is no sklstm file: expected {KINDS[kind]}, got {_describe(start)}. Pass the path of a file that sklstm wrote"
            " (if this is one, it is damaged: restore a copy)."
        )
    n_header = int.from_bytes(start[:8], "little")
    has_header = n_header <= min(size - 8, MAX_HEADER)
    file.seek(8)
    text = file.read(n_header) if has_header else b""
    n_described = 8 + len(text) + _n_bytes_of_arrays(text)
    if size > n_described + CHUNK:  # before anything is hashed, which would take hours for a sparse file
        raise _Fault(
            f"is damaged: it has {size} bytes, but its header describes {n_described}. It was changed since it was written;"
            " restore a copy, or write it again."
        )
    file.seek(DIGEST.stop)
    if start[DIGEST] != _digest(file, start):
        raise _Fault(
            f"is damaged: its {size} bytes do not have the checksum that they had when they were written. It was cut off or"
            " changed since; restore a copy, or write it again."
        )
    if not has_header:
        raise _Fault(_inconsistent(f"its header is said to have {n_header} bytes, of a file of {size}"))
    try:
        return _read_content(text, file, 8 + n_header, size - 8 - n_header, kind)
    except (_Malformed, UnicodeDecodeError) as fault:
        raise _Fault(_inconsistent(fault)) from None


def _inconsistent(fault):
    return (
        f"is no consistent sklstm file: {fault}. Its checksum is right, so it was written like that, but not by sklstm; restore a"
        " copy that was."
    )


def _describe(start):
    """What a file is that begins like this, in words."""
    if not start:
        return "an empty file"
    for magic, name in OTHER_FILES.items():
        if start.startswith(magic):
            return name
    if start[8:9] == b"{":
        return "another safetensors file, or a part of one"
    return f"a file that begins with {start[:16]!r}"


def _digest(file, start):
    """Checksum of the whole file, read in pieces."""
    digest = hashlib.sha256(start[: DIGEST.start] + NO_DIGEST)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest().encode()


def _read_content(text, file, start, n_bytes, kind):
    header = _parse(text.decode())
    metadata = _of_type(header, dict, "the header").pop("__metadata__")
    _check_metadata(metadata, kind)
    entries = {name: _tensor_entry(name, entry) for name, entry in header.items()}
    _check_offsets(entries, n_bytes)
    decoder = _Decoder(file, start, entries)
    tree = decoder.decode(_parse(metadata["tree"]))
    unused = entries.keys() - decoder.used
    if unused:
        raise _Malformed(f"{len(unused)} of its {len(entries)} arrays are not part of the tree, such as {_shown(min(unused))}")
    return _upgraded(tree, int(metadata["format_version"]), kind)


def _check_metadata(metadata, kind):
    for key in ("format", "format_version", "kind", "tree"):
        _of_type(_of_type(metadata, dict, "__metadata__").get(key), str, key)
    if metadata["format"] != "sklstm":
        raise _Fault(
            f"is no sklstm file: expected the format 'sklstm', got {_shown(metadata['format'])}. Pass the path of a file that"
            " sklstm wrote."
        )
    format_version = metadata["format_version"]
    if not re.fullmatch("[0-9]{1,6}", format_version):
        raise _Malformed(f"the format version is {_shown(format_version)}, expected a number")
    if int(format_version) > FORMAT_VERSION:
        raise _Fault(
            f"was written by a newer sklstm (format {int(format_version)}); this version reads up to {FORMAT_VERSION}: upgrade"
            " sklstm."
        )
    if metadata["kind"] != kind:
        got = KINDS.get(metadata["kind"], _shown(metadata["kind"]))
        raise _Fault(f"is {got}; expected {KINDS[kind]}. Pass the path of such a file.")


def _upgraded(tree, format_version, kind):
    """The tree of an older version as one of this version."""
    for older in range(format_version, FORMAT_VERSION):
        if older not in UPGRADES:
            raise _Fault(
                f"has the format {format_version}, which sklstm {_own_version()} no longer reads (it reads"
                f" {min(UPGRADES, default=FORMAT_VERSION)} to {FORMAT_VERSION}). Load and save it by a version between."
            )
        try:
            tree = UPGRADES[older](tree, kind)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise _Malformed(f"what it holds is not of format {older} ({type(error).__name__}: {error})") from None
    return tree


# ---- tensors ----


class _Tensor:
    """An array as the file has it.

    Attributes: `name`; `dtype`, safetensors' name; `shape`; `data`, the array itself, little-endian and contiguous.
    """

    def __init__(self, name, array):
        self.name = name
        self.dtype, inner = _stored_as(array.dtype)
        self.shape = [*array.shape, *inner]
        self.data = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _stored_as(dtype):
    """Name of a dtype in the file, and the axis that it adds: of code points, bytes, or real and imaginary part."""
    inner = {"U": [dtype.itemsize // 4], "S": [dtype.itemsize], "c": [2]}.get(dtype.kind, [])
    numbers = {"U": "u4", "S": "u1", "c": f"f{dtype.itemsize // 2}", "m": "i8", "M": "i8"}.get(dtype.kind)
    return TENSOR_NAMES[numbers or _name(dtype)], inner


def _name(dtype):
    """A plain dtype by name, without byte order; None for others."""
    return dtype.str[1:] if PLAIN_DTYPE.fullmatch(dtype.str[1:]) else None


def _tensor_entry(name, entry):
    """dtype, shape and first and last byte of an entry in the header, each of its type and in agreement."""
    what = f"the array {_shown(name)}"
    if _of_type(entry, dict, what).keys() != {"dtype", "shape", "data_offsets"}:
        raise _Malformed(f"{what} is described by {_shown(list(entry))}")
    dtype = _of_type(entry["dtype"], str, f"the dtype of {what}")
    if dtype not in TENSOR_DTYPES:
        raise _Malformed(f"{what} has the dtype {_shown(dtype)}, expected one of {list(TENSOR_DTYPES)}")
    shape = _of_type(entry["shape"], list, f"the shape of {what}")
    offsets = _of_type(entry["data_offsets"], list, f"where {what} is")
    if len(offsets) != 2 or any(type(number) is not int or number < 0 for number in shape + offsets):
        raise _Malformed(f"{what} has the shape {_shown(shape)} at the bytes {_shown(offsets)}")
    begin, end = offsets
    n_bytes = math.prod(shape) * np.dtype(TENSOR_DTYPES[dtype]).itemsize
    if n_bytes != end - begin:
        raise _Malformed(f"{what} of shape {_shown(shape)} and {dtype} needs {n_bytes} bytes, but has {end - begin}")
    return dtype, tuple(shape), begin, end


def _check_offsets(entries, n_bytes):
    """Raise unless the arrays lie one after the other and fill the file."""
    spans = [(0, 0), *sorted((begin, end) for _, _, begin, end in entries.values()), (n_bytes, n_bytes)]
    for (_, end), (begin, _) in itertools.pairwise(spans):
        if begin != end:
            raise _Malformed(f"one array ends at byte {end} and the next begins at byte {begin}, of {n_bytes}")


# ---- JSON ----


class _Malformed(ValueError):
    """What is not as `write_archive` writes it."""


def _parse(text):
    """A value from JSON, strictly."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_int=_short_int, parse_float=_finite, parse_constant=_refuse)
    except RecursionError:
        raise _Malformed("its JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _Malformed(f"its JSON is not valid ({error})") from None


def _unique(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _Malformed("its JSON has a key twice")
    return values


def _short_int(digits):
    if len(digits) > 20:
        raise _Malformed(f"its JSON has a number of {len(digits)} digits")
    return int(digits)


def _finite(digits):
    value = float(digits)
    if not math.isfinite(value):
        raise _Malformed(f"its JSON has the number {_shown(digits)}")
    return value


def _refuse(constant):
    raise _Malformed(f"its JSON has the constant {constant}")


def _of_type(value, kind, what):
    if type(value) is not kind:
        raise _Malformed(f"{what} should be a {kind.__name__}, is {_shown(value)}")
    return value


def _shown(value):
    """A short repr; even of a value that is long or deep."""
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__} of {len(value)}" if len(value) > 8 or isinstance(value, dict) else _shown_list(value)
    if type(value) is int and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    text = repr(value[:60] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= 80 else text[:77] + "..."


def _shown_list(values):
    return f"[{', '.join(type(v).__name__ if isinstance(v, (list, dict)) else _shown(v) for v in values)}]"


# ---- from a tree to JSON and arrays ----


class _Encoder:
    """Turns a tree into JSON values, and collects its arrays."""

    def __init__(self):
        self.tensors = {}

    def encode(self, value, path):
        """A value as JSON; `path` is the keys that lead to it."""
        if len(path) > MAX_DEPTH:
            raise TypeError(f"{_subscripts(path[:3])}... is nested more than {MAX_DEPTH} deep, or contains itself. Flatten it.")
        encoder = ENCODERS.get(type(value))
        if encoder is None and isinstance(value, np.generic) and _name(value.dtype):
            encoder = _encode_scalar
        if encoder is None:
            raise TypeError(_unknown_type(value, path))
        return encoder(self, value, path)

    def encode_all(self, values, path):
        return [self.encode(value, (*path, k)) for k, value in enumerate(values)]

    def add(self, array, path):
        """Name of an array in the file: its path, as far as that is unique and readable."""
        readable = ".".join(map(str, path)).encode("ascii", "backslashreplace").decode()[:200] or "array"
        name, k = readable, 1
        while name in self.tensors or name == "__metadata__":
            name, k = f"{readable}~{k}", k + 1
        self.tensors[name] = _Tensor(name, array)
        return name

    def sorted_tensors(self):
        """Wide numbers first, so that each array begins at a multiple of its items' size."""
        return sorted(self.tensors.values(), key=lambda tensor: -np.dtype(TENSOR_DTYPES[tensor.dtype]).itemsize)


def _subscripts(path):
    return "".join(f"[{part!r}]" for part in path) or "The value"


def _unknown_type(value, path):
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if isinstance(value, (np.ndarray, np.generic)):
        kind = f"{kind} of dtype {value.dtype}"
    return (
        f"{_subscripts(path)} is a {kind}, which the file has no form for: expected None, bool, int, float, str, bytes, date,"
        " datetime, time, timedelta, Decimal, list, tuple, dict, a NumPy scalar or array, numpy.random.Generator or RandomState."
        " Convert it to one of these."
    )


def _encode_int(encoder, value, path):
    return value if abs(value) < 2**63 else {"int": hex(value)}


def _encode_float(encoder, value, path):
    # As text, a float is the shortest that reads back as the same bits, but for NaN and infinity.
    return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}


def _encode_str(encoder, value, path):
    return value if _is_text(value) else {"str": _utf8(value)}


def _is_text(value):
    """Whether a str has no halves of surrogate pairs, of which JSON would make one character."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _utf8(value):
    return value.encode("utf-8", "surrogatepass").hex()


def _encode_dict(encoder, value, path):
    if all(type(key) is str and _is_text(key) for key in value):
        return {"dict": {key: encoder.encode(item, (*path, key)) for key, item in value.items()}}
    return {"items": [[encoder.encode(key, (*path, key)), encoder.encode(item, (*path, key))] for key, item in value.items()]}


def _encode_scalar(encoder, value, path):
    little = np.asarray(value, dtype=value.dtype.newbyteorder("<"))
    return {"scalar": [_name(value.dtype), little.tobytes().hex()]}


def _encode_array(encoder, array, path):
    if array.dtype == object:
        return {"objects": [list(array.shape), encoder.encode_all(array.ravel(), path)]}
    if _name(array.dtype) is None:
        raise TypeError(_unknown_type(array, path))
    return {"array": [encoder.add(array, path), _name(array.dtype)]}


def _encode_generator(encoder, generator, path):
    bits = generator.bit_generator
    if BIT_GENERATORS.get(type(bits).__name__) is not type(bits):
        raise TypeError(_unknown_type(bits, (*path, "bit_generator")))
    seed = getattr(bits, "seed_seq", None)
    seed = seed.state if type(seed) is np.random.SeedSequence else None
    return {"generator": [encoder.encode(bits.state, path), encoder.encode(seed, (*path, "seed"))]}


def _encode_random_state(encoder, random_state, path):
    state = random_state.get_state(legacy=False)
    if state["bit_generator"] not in BIT_GENERATORS:
        raise TypeError(_unknown_type(random_state, path))
    return {"random_state": encoder.encode(state, path)}


def _encode_time(encoder, value, path):
    if getattr(value, "tzinfo", None) is not None and type(value.tzinfo) is not datetime.timezone:
        raise TypeError(_unknown_type(value.tzinfo, (*path, "tzinfo")))
    return {f"datetime.{type(value).__name__}": value.isoformat()}


def _as_it_is(encoder, value, path):
    return value


ENCODERS = {
    type(None): _as_it_is,
    bool: _as_it_is,
    int: _encode_int,
    float: _encode_float,
    str: _encode_str,
    bytes: lambda encoder, value, path: {"bytes": value.hex()},
    list: _Encoder.encode_all,
    tuple: lambda encoder, value, path: {"tuple": encoder.encode_all(value, path)},
    dict: _encode_dict,
    # Not as dtype and bytes, which would lose characters of code 0 at the end.
    np.str_: lambda encoder, value, path: {"numpy.str_": _utf8("".join(value))},
    np.bytes_: lambda encoder, value, path: {"numpy.bytes_": bytes.hex(value)},
    datetime.date: _encode_time,
    datetime.datetime: _encode_time,
    datetime.time: _encode_time,
    datetime.timedelta: lambda encoder, value, path: {"timedelta": [value.days, value.seconds, value.microseconds]},
    decimal.Decimal: lambda encoder, value, path: {"decimal": str(value)},
    np.ndarray: _encode_array,
    np.memmap: _encode_array,
    np.random.Generator: _encode_generator,
    np.random.RandomState: _encode_random_state,
}


# ---- from JSON and arrays to a tree ----


class _Decoder:
    """Turns JSON values back into a tree, and reads its arrays from the file."""

    def __init__(self, file, start, entries):
        self.file = file
        self.start = start
        self.entries = entries
        self.used = set()
        self.depth = 0

    def decode(self, node):
        if type(node) not in (dict, list):
            return node
        self.depth += 1
        if self.depth > MAX_DEPTH + 8:  # generators have levels of their own
            raise _Malformed(f"its tree is nested more than {MAX_DEPTH} deep")
        tree = self.decode_all(node) if type(node) is list else self._decode_tagged(node)
        self.depth -= 1
        return tree

    def decode_all(self, nodes):
        return [self.decode(node) for node in nodes]

    def _decode_tagged(self, node):
        (tag,) = node if len(node) == 1 else (None,)
        if tag not in DECODERS:
            raise _Malformed(f"its tree has an object of the keys {_shown(list(node))}, expected one of {list(DECODERS)}")
        kind, decode = DECODERS[tag]
        return decode(self, _of_type(node[tag], kind, f"a {tag}"))


def _decode_hex(text):
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise _Malformed(f"{_shown(text)} is not hexadecimal ({error})") from None


def _decode_int(decoder, text):
    if not re.fullmatch("-?0x[0-9a-f]+", text):
        raise _Malformed(f"the number {_shown(text)} is not hexadecimal")
    return int(text, 16)


def _decode_float(decoder, text):
    raw = _decode_hex(text)
    if len(raw) != 8:
        raise _Malformed(f"a float has {len(raw)} bytes, expected 8")
    return struct.unpack(">d", raw)[0]


def _decode_str(decoder, text):
    return _decode_hex(text).decode("utf-8", "surrogatepass")


def _decode_time(kind):
    """A decoder of dates or times as `isoformat` writes them."""

    def decode(decoder, text):
        try:
            return kind.fromisoformat(text)
        except ValueError as error:
            raise _Malformed(f"{_shown(text)} is no {kind.__name__} ({error})") from None

    return decode


def _decode_timedelta(decoder, parts):
    if len(parts) != 3 or any(type(part) is not int for part in parts):
        raise _Malformed(f"the timedelta {_shown(parts)} is not three integers")
    try:
        return datetime.timedelta(*parts)
    except OverflowError as error:
        raise _Malformed(f"{_shown(parts)} is no timedelta ({error})") from None


def _decode_decimal(decoder, text):
    if len(text) > 1000:
        raise _Malformed(f"a decimal number has {len(text)} characters")
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:
        raise _Malformed(f"{_shown(text)} is no decimal number") from None


def _decode_items(decoder, pairs):
    if any(type(pair) is not list or len(pair) != 2 for pair in pairs):
        raise _Malformed("the items of a dict are not pairs")
    try:
        items = dict((decoder.decode(key), decoder.decode(item)) for key, item in pairs)
    except TypeError as error:
        raise _Malformed(f"a dict has a key that is none ({error})") from None
    if len(items) < len(pairs):
        raise _Malformed("a dict has a key twice")
    return items


def _decode_scalar(decoder, parts):
    dtype = _plain_dtype(*parts[:1]) if len(parts) == 2 else None
    raw = _decode_hex(_of_type(parts[1], str, "a scalar")) if dtype is not None else b""
    if dtype is None or dtype.kind in "US" or len(raw) != dtype.itemsize:
        raise _Malformed(f"the NumPy scalar {_shown(parts)} is none")
    if dtype.kind == "b" and raw[0] > 1:
        raise _Malformed(f"a bool has the byte {raw[0]}")
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype, copy=False)[0]


def _plain_dtype(name):
    if not PLAIN_DTYPE.fullmatch(_of_type(name, str, "a dtype")):
        raise _Malformed(f"{_shown(name)} is no dtype that a file may have")
    try:
        return np.dtype(name)
    except (TypeError, ValueError, OverflowError) as error:
        raise _Malformed(f"{_shown(name)} is no dtype ({error})") from None


def _decode_array(decoder, parts):
    if len(parts) != 2 or type(parts[0]) is not str or parts[0] not in decoder.entries:
        raise _Malformed(f"its tree has the array {_shown(parts)}, which the header does not have")
    name, dtype = parts[0], _plain_dtype(parts[1])
    if name in decoder.used:
        raise _Malformed(f"its tree has the array {_shown(name)} twice")
    decoder.used.add(name)
    tensor_dtype, shape, begin, end = decoder.entries[name]
    stored, inner = _stored_as(dtype)
    outer = shape[: len(shape) - len(inner)]
    if tensor_dtype != stored or list(shape[len(outer) :]) != inner or (begin == end and dtype.itemsize > LONGEST_TEXT):
        raise _Malformed(f"the array {_shown(name)} of {tensor_dtype} and shape {_shown(list(shape))} is to be of {dtype}")
    array = _empty(name, outer, dtype, aligned_empty if end > begin else np.empty)
    return _filled(decoder, name, array, begin)


def _empty(name, shape, dtype, make):
    try:
        return make(shape, dtype)
    except (ValueError, OverflowError) as error:
        raise _Malformed(f"the array {_shown(name)} cannot have the shape {_shown(list(shape))} ({error})") from None


def _filled(decoder, name, array, begin):
    """The array with its values from the file, which are values of its dtype."""
    if array.size == 0:
        return array
    raw = array.reshape(-1).view(np.uint8)
    decoder.file.seek(decoder.start + begin)
    if decoder.file.readinto(raw.data) != len(raw):
        raise _Malformed("it became shorter while it was read")
    if sys.byteorder == "big":
        array.byteswap(inplace=True)
    largest = {"b": 1, "U": sys.maxunicode}.get(array.dtype.kind)
    if largest is not None and raw.view(np.uint32 if array.dtype.kind == "U" else np.uint8).max() > largest:
        raise _Malformed(f"the array {_shown(name)} has values that {array.dtype} does not have")
    return array


def _decode_objects(decoder, parts):
    shape, values = parts if len(parts) == 2 else (None, None)
    if type(shape) is not list or type(values) is not list or any(type(n) is not int or n < 0 for n in shape):
        raise _Malformed("an array of objects is no shape and list")
    if math.prod(shape) != len(values):
        raise _Malformed(f"an array of objects of shape {_shown(shape)} has {len(values)}")
    array = _empty("of objects", tuple(shape), np.dtype(object), np.empty)
    flat = array.reshape(-1)
    for k, node in enumerate(values):
        flat[k] = decoder.decode(node)
    return array


def _decode_generator(decoder, parts):
    if len(parts) != 2:
        raise _Malformed("a generator is no state and seed")
    state, seed = decoder.decode_all(parts)
    bits = _bit_generator(state, _seed_sequence(seed))
    _check_like(state, bits.state, "generator")
    bits.state = state
    return np.random.Generator(bits)


def _decode_random_state(decoder, node):
    state = decoder.decode(node)
    random_state = np.random.RandomState(_bit_generator(state, 0))
    _check_like(state, random_state.get_state(legacy=False), "random_state")
    random_state.set_state(state)
    return random_state


def _bit_generator(state, seed):
    name = _of_type(state, dict, "the state of a generator").get("bit_generator")
    if type(name) is not str or name not in BIT_GENERATORS:
        raise _Malformed(f"a generator is a {_shown(name)}, expected one of {list(BIT_GENERATORS)}")
    return BIT_GENERATORS[name](seed)


def _seed_sequence(state):
    """What the generator spawns others from; None, where the one that was saved had none, takes the system's entropy."""
    if state is None:
        return None
    n_words = _of_type(state, dict, "a seed").get("pool_size")
    if type(n_words) is not int or n_words > MAX_SEED_POOL:
        raise _Malformed(f"a seed has a pool of {_shown(n_words)} words")
    try:
        return np.random.SeedSequence(**state)
    except (TypeError, ValueError, OverflowError) as error:
        raise _Malformed(f"a seed is none ({type(error).__name__}: {error})") from None


def _check_like(value, template, what):
    """Raise unless the state of a generator has the form and the range of another."""
    if type(value) is not type(template):
        raise _Malformed(f"{what} should be a {type(template).__name__}, is a {type(value).__name__}")
    if isinstance(template, dict):
        if value.keys() != template.keys():
            raise _Malformed(f"{what} has the keys {_shown(list(value))}, expected {list(template)}")
        for key in template:
            _check_like(value[key], template[key], key)
    elif isinstance(template, np.ndarray):
        if (value.dtype, value.shape) != (template.dtype, template.shape):
            raise _Malformed(f"{what} has {value.dtype} of shape {value.shape}, expected {template.dtype} of {template.shape}")
    elif type(template) is int and not 0 <= value <= STATE_LIMITS[what]:
        raise _Malformed(f"{what} is {_shown(value)}, expected 0 to {STATE_LIMITS[what]}")


# Tag -> JSON type of what it holds, and what makes a value of that.
DECODERS = {
    "int": (str, _decode_int),
    "float": (str, _decode_float),
    "str": (str, _decode_str),
    "bytes": (str, lambda decoder, text: _decode_hex(text)),
    "tuple": (list, lambda decoder, nodes: tuple(decoder.decode_all(nodes))),
    "dict": (dict, lambda decoder, nodes: {key: decoder.decode(node) for key, node in nodes.items()}),
    "items": (list, _decode_items),
    "scalar": (list, _decode_scalar),
    "numpy.str_": (str, lambda decoder, text: np.str_(_decode_str(decoder, text))),
    "numpy.bytes_": (str, lambda decoder, text: np.bytes_(_decode_hex(text))),
    **{f"datetime.{kind.__name__}": (str, _decode_time(kind)) for kind in (datetime.date, datetime.datetime, datetime.time)},
    "timedelta": (list, _decode_timedelta),
    "decimal": (str, _decode_decimal),
    "array": (list, _decode_array),
    "objects": (list, _decode_objects),
    "generator": (list, _decode_generator),
    "random_state": (dict, _decode_random_state),
}
