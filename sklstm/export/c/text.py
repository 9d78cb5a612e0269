"""C as text: templates, numbers, arrays and comments."""

import re
from itertools import pairwise

import numpy as np

WIDTH = 120  # columns of a line
MOST_LETTERS = 31  # of the name of a model

# What a name may not be: words of C99 and C++11, and names of the headers that are included.
RESERVED = set(
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t class compl const const_cast"
    " constexpr continue decltype default delete do double dynamic_cast else enum explicit export extern false float for friend"
    " goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public"
    " register reinterpret_cast restrict return short signed sizeof static static_assert static_cast struct switch template this"
    " thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq"
    " expf tanhf main int8_t int16_t int32_t uint8_t uint16_t uint32_t size_t".split()
)


def check_name(name):
    """Raise a ValueError unless names in C can begin with `name`, and those of macros with its upper case.

    Capitals are refused, because macros of the names "m" and "M" would be the same. C99 tells names apart by 63 letters.
    """
    is_one = isinstance(name, str) and len(name) <= MOST_LETTERS and re.fullmatch("[a-z](_?[a-z0-9])*", name)
    if not is_one or name in RESERVED:
        raise ValueError(
            "name must be an identifier of C, which all names in the header begin with, in capitals those of macros: a small"
            " letter, and then small letters, digits or single underscores between them, at most"
            f" {MOST_LETTERS}, and no word of C or C++; got {name!r:.60}."
        )


def render(template, name, **values):
    """A template with `name` for "@", its upper case for "@@", and other values for "$key"."""
    for key in sorted(values, key=len, reverse=True):
        template = template.replace(f"${key}", str(values[key]))
    return template.replace("@@", name.upper()).replace("@", name)


def float_literal(value):
    """A float32 that is read back to the bit: nine digits, whatever the locale."""
    text = f"{np.float32(value):.9g}"
    return (text if re.search("[.en]", text) else f"{text}.0") + "f"


def array(ctype, name, values, comment):
    """A constant array of numbers (flat), with a comment of what it is."""
    values = np.asarray(values)
    flat = [float_literal(v) if ctype == "float" else str(int(v)) for v in values.ravel()]
    flat = [f"({v[1:]})" if v == "2147483648" else v for v in flat]
    lines, line = [], "   "
    for text in flat:
        if len(line) + len(text) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {text},"
    lines.append(line.rstrip(","))
    body = "\n".join(lines)
    return f"/* {safe(comment)} */\nstatic @@_CONST {ctype} {name}[{len(flat)}] = {{\n{body}\n}};\n"


def safe(text):
    """Text for within a comment: printable ASCII in which no comment begins or ends."""
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in str(text))
    return text.replace("*/", "* /").replace("/*", "/ *").replace("@", "(at)").replace("$", "(dollar)").replace("??", "? ?")


def listed(names, most=200):
    """Lines of a comment that count names: "0 first", "1 second"."""
    names = [safe(name) for name in names]
    left_out = len(names) - most
    texts = [f"{k} {name[:60]}" for k, name in enumerate(names[:most])]
    return texts + ([f"and {left_out} more"] if left_out > 0 else [])


def filled(texts, indent="   ", separator=",  "):
    """Short texts one after the other in lines of a comment."""
    lines, line = [], indent
    for text in texts:
        if len(line) + len(text) + len(separator) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += text + separator
    lines.append(line.rstrip(separator + " "))
    return "\n".join(lines)


def assembled(parts):
    """Parts of a file, with one empty line between them."""
    text = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    assert all(a or b for a, b in pairwise(text.split("\n")))
    return text + "\n"
