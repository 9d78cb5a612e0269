"""Paragraphs that several docstrings share."""

import re
from inspect import cleandoc, isfunction

PLACEHOLDER = re.compile(r"^( *)<<(.+)>>$", flags=re.MULTILINE)


def read_parts(text):
    """Paragraphs by their names, from a text with a line ``<<name>>`` before each, such as the docstring of a module."""
    names_and_parts = re.split(r"^<<(.+)>>$", text or "", flags=re.MULTILINE)[1:]  # no text under python -OO
    return {name: part.strip("\n") for name, part in zip(names_and_parts[::2], names_and_parts[1::2], strict=True)}


def document(parts, **words):
    """Decorate a function or a class so that each line ``<<name>>`` of its docstring becomes a shared paragraph.

    The paragraph takes the indentation of that line, so that ``<<ax>>`` stands where a parameter would. In a class the docstrings
    of its methods are completed, too.

    Parameters
    ----------
    parts : dict of str to str
        The paragraphs by their names.
    **words : str
        Replacements of ``{word}`` in the paragraphs.

    Returns
    -------
    callable
        The decorator, which returns the function or class itself.
    """

    def part_of(match):
        indent, text = match[1], parts[match[2]].strip("\n")
        for word, replacement in words.items():
            text = text.replace(f"{{{word}}}", replacement)
        return re.sub("^(?=.)", indent, text, flags=re.MULTILINE)

    def decorate(item):
        members = [getattr(member, "__func__", member) for member in vars(item).values()] if isinstance(item, type) else []
        for documented in (item, *filter(isfunction, members)):
            if documented.__doc__ and "<<" in documented.__doc__:  # none under python -OO
                documented.__doc__ = PLACEHOLDER.sub(part_of, cleandoc(documented.__doc__)) + "\n"
        return item

    return decorate
