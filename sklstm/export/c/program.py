"""`Program`: what the parts of a network contribute to a header."""

from dataclasses import dataclass, field

import numpy as np

from .text import array

BYTES = {"float": 4, "int8_t": 1, "int16_t": 2, "uint16_t": 2, "int32_t": 4, "uint32_t": 4, "uint8_t": 1}

# The last line of a step. What is asked of the count of a sequence that has no end is the same ever after.
COUNT = "    s->n_steps += s->n_steps < 4294967295u;"


@dataclass
class Program:
    """A header as it grows.

    Attributes
    ----------
    name : str
        What all names in it begin with.
    state : list of (str, str, int or None, str)
        Fields of the state: type, name, number of elements (None for one that is no array), and what it is.
    arrays : list of str
        Constants in C: weights, and tables of functions.
    macros : list of (str, object)
        Further constants, by the preprocessor.
    functions, float_functions : list of str
        In C; those that a program without floating point does not need are apart.
    begin, step : list of str
        Lines of the functions that begin a sequence and take a step.
    n_weights, n_tables : int
        Bytes of the constants.
    """

    name: str
    state: list = field(default_factory=list)
    arrays: list = field(default_factory=list)
    macros: list = field(default_factory=list)
    functions: list = field(default_factory=list)
    float_functions: list = field(default_factory=list)
    begin: list = field(default_factory=list)
    step: list = field(default_factory=list)
    n_weights: int = 0
    n_tables: int = 0

    def constant(self, ctype, name, values, comment, is_table=False):
        """Add a constant array, called ``@_<name>``; returns that."""
        values = np.asarray(values)
        self.arrays.append(array(ctype, f"@_{name}", values, comment))
        size = values.size * BYTES[ctype]
        if is_table:
            self.n_tables += size
        else:
            self.n_weights += size
        return f"@_{name}"

    def field(self, ctype, name, size, comment):
        """Add a field of the state."""
        self.state.append((ctype, name, size, comment))

    def count_steps(self):
        """Let the state have the number of steps so far."""
        if not any(name == "n_steps" for _, name, *_ in self.state):
            self.field("uint32_t", "n_steps", None, "of the sequence so far")

    def lines_of_step(self):
        """Lines of the function that takes a step."""
        counts = any(name == "n_steps" for _, name, *_ in self.state)
        return [f"    {line}" for text in self.step for line in text.split("\n")] + [COUNT] * counts

    @property
    def state_bytes(self):
        """Bytes of the state, where numbers are aligned to their size: the fields are in descending order of it."""
        used = sum(BYTES[ctype] * (1 if size is None else size) for ctype, _, size, _ in self.state)
        return used + -used % max(BYTES[ctype] for ctype, *_ in self.state)

    def struct(self):
        """The type of the state."""
        lines = []
        for ctype, name, size, comment in sorted(self.state, key=lambda one: -BYTES[one[0]]):
            declared = f"{ctype} {name}{'' if size is None else f'[{size}]'};"
            lines.append(f"    {declared:31s} /* {comment} */")
        return "typedef struct {\n" + "\n".join(lines) + "\n} @_state;\n"

    def sizes(self):
        """Bytes of the parts of the header, as `to_c` returns them."""
        return {"weights": self.n_weights, "tables": self.n_tables, "state": self.state_bytes}
