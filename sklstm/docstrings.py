"""Paragraphs that several docstrings share."""

from inspect import cleandoc


def document(parts, **words):
    """Decorate an item so that each line ``<<name>>`` of its docstring becomes a shared paragraph.

    The paragraph takes the indentation of that line, so that ``<<ax>>`` stands where a parameter would.

    Parameters
    ----------
    parts : dict of str to str
        The paragraphs by their names.
    **words : str
        What replaces ``{word}`` in the paragraphs.

    Returns
    -------
    callable
        The decorator, which returns the item itself.
    """

    def decorate(item):
        if item.__doc__ is None:  # under python -OO
            return item
        lines = []
        for line in cleandoc(item.__doc__).split("\n"):
            name = line.strip()
            if name.startswith("<<") and name.endswith(">>"):
                indent = line[: len(line) - len(line.lstrip())]
                text = parts[name[2:-2]].strip("\n")
                for word, replacement in words.items():
                    text = text.replace(f"{{{word}}}", replacement)
                lines += [f"{indent}{part}" if part else "" for part in text.split("\n")]
            else:
                lines.append(line)
        item.__doc__ = "\n".join(lines) + "\n"
        return item

    return decorate
