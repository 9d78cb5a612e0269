"""The header as a whole: what it says of itself, constants, state and functions."""

import os
import re

from ...archive import OWN_VERSION
from ...files import open_regular
from .categories import describe as describe_categories
from .missing import describe_times
from .outputs import n_outputs
from .text import assembled, filled, listed, render, safe

# How `verify` knows the name, the type of numbers and the model of a header.
MARKED = re.compile(r"Written by sklstm [^;]*; name (\w+), dtype (\w+), checksum (\w+)")

LIBRARIES = {
    "float32": "of libraries expf and tanhf are used",
    "q15": "no function of a library is used, but expf by @_output",
    "int8": "no function of a library is used, but expf by @_output",
}

# Without floating point there is no need of a library.
WITHOUT = "/* Define @@_NO_FLOAT to leave out the functions of floating point, and math.h. */\n"
MATH = {
    "float32": "#include <math.h>\n",
    "q15": f"{WITHOUT}#ifndef @@_NO_FLOAT\n#include <math.h>\n#endif\n",
    "int8": f"{WITHOUT}#ifndef @@_NO_FLOAT\n#include <math.h>\n#endif\n",
}

BANNER = """\
/* A recurrent network in C99. All names begin with @ or @@.
   Written by sklstm $version; name @, dtype $dtype, checksum $checksum.

$what

   Bytes: $n_weights of weights and $n_tables of tables, which are constants; $n_state of state for each sequence.
   Nothing is allocated; $library.

   A sequence, sample by sample (include this file in one source file only: constants in a header are copied into each):

       static @_state s;
       @_init(&s$features);
       for (;;) {
           @_step(&s, x);    (x has @@_CHANNELS numbers)
           @_output(&s, y);  (at any time; y has @@_OUTPUTS numbers)
       }
*/
"""

MACROS = """\
#ifndef @@_H
#define @@_H

$math#include <stddef.h>
#include <stdint.h>

/* Where constants are kept, and how they are read from there. Define @@_CONST to keep them elsewhere. */
#if !defined(@@_CONST) && defined(__AVR__)
#include <avr/pgmspace.h>
#define @@_CONST const PROGMEM
#define @@_READ_FLOAT(p) pgm_read_float(p)
#define @@_READ_INT8(p) ((int8_t)pgm_read_byte(p))
#define @@_READ_INT16(p) ((int16_t)pgm_read_word(p))
#define @@_READ_UINT16(p) ((uint16_t)pgm_read_word(p))
#define @@_READ_INT32(p) ((int32_t)pgm_read_dword(p))
#else
#ifndef @@_CONST
#define @@_CONST const
#endif
#define @@_READ_FLOAT(p) (*(p))
#define @@_READ_INT8(p) (*(p))
#define @@_READ_INT16(p) (*(p))
#define @@_READ_UINT16(p) (*(p))
#define @@_READ_INT32(p) (*(p))
#endif

#define @@_CHANNELS $n_channels /* numbers in a sample */
#define @@_SCORES $n_scores
#define @@_OUTPUTS $n_outputs /* numbers in an output */
$more"""

INIT = """\
/* Begin a sequence. */
static inline void @_init(@_state *s$features)
{
    unsigned char *bytes = (unsigned char *)s;
    size_t k;
    for (k = 0; k < sizeof *s; k++)
        bytes[k] = 0;
$lines}
"""


def init_function(program):
    """The function that begins a sequence."""
    lines = "".join(f"    {line}\n" for text in program.begin for line in text.split("\n"))
    features = ", const float *features" if "features" in lines else ""
    return INIT.replace("$lines", lines).replace("$features", features)


def describe(model):
    """Lines of a comment: the model, its channels and what it predicts."""
    network, estimator = model.network, model.model
    layers = " and ".join(str(layer.hidden_size) for layer in network.layers)
    pooling = "an output for every step" if network.returns_sequences else f"pooling {' and '.join(network.poolings)}"
    lines = [
        f"   {type(estimator).__name__}: {network.cell}, {network.activation}, {layers} units, {pooling},",
        f"   loss {model.loss_name}.",
        f"   {model.n_channels} channels, in the units of the data that the model was fitted on"
        + (":" if model.channel_names else "."),
    ]
    if model.channel_names:
        lines.append(filled(listed(model.channel_names), "      "))
    lines += describe_categories("Channel", [one[0] for one in network.categories], estimator.categories_)
    lines += describe_times(model)
    if network.static is not None:
        columns = [one[0] for one in network.static.categories]
        lines.append(f"   {network.static_size} static features of a sequence, which init takes.")
        lines += describe_categories("Static feature", columns, estimator.static_categories_)
    if model.classes is not None:
        lines += ["   Classes:", filled(listed(model.classes), "      ")]
    return "\n".join(lines)


def header(model, program, dtype):
    """The text of the header of a program."""
    sizes = {
        "n_weights": program.n_weights,
        "n_tables": program.n_tables,
        "n_state": program.state_bytes,
    }
    head, body = BANNER.split("$what")
    banner = render(head, program.name, version=safe(OWN_VERSION), dtype=dtype, checksum=model.checksum)
    banner += describe(model) + render(
        body, program.name, library=LIBRARIES[dtype], features=", features" if model.network.static else "", **sizes
    )
    lines = "".join(f"#define @@_{name} {value}\n" for name, value in program.macros)
    numbers = {"n_channels": model.n_channels, "n_scores": model.network.output_size, "n_outputs": n_outputs(model)}
    macros = render(MACROS, program.name, more=lines, math=MATH[dtype], **numbers)
    of_numbers = ["#ifndef @@_NO_FLOAT", *program.float_functions, "#endif"] if program.float_functions else []
    parts = [*program.arrays, program.struct(), *program.functions, *of_numbers]
    parts = [banner, macros, *(render(part, program.name) for part in parts), "#endif\n"]
    return assembled(parts)


def read_header(path):
    """The text of a header, what names in it begin with, the dtype, and the checksum of its model."""
    with open_regular(path) as file:
        text = file.read().decode("ascii", "replace")
    found = MARKED.search(text[:1000])
    if not found:
        raise ValueError(f"{os.fsdecode(path)} is no header that to_c wrote. Pass the path of one.")
    return text, *found.groups()
