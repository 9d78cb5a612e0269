"""Paragraphs that docstrings share: where they are put, and what they leave alone."""

import inspect

import pytest

from sklstm.docstrings import document, read_parts

TEXT = """Parts.

<<ax>>
ax : Axes
    The axes of the {what}.

<<two>>
first : int

second : int
    Of {what}.
"""


def test_parts_are_read_by_name():
    parts = read_parts(TEXT)
    assert list(parts) == ["ax", "two"]
    assert parts["ax"] == "ax : Axes\n    The axes of the {what}."
    assert read_parts(None) == {}  # python -OO


def function(ax, first, second=2):
    """Draw.

    Parameters
    ----------
    <<ax>>
    <<two>>
        And more of it.

    Examples
    --------
    >>> 1 << 2  # not a <<name>>
    4
    """


def test_a_part_takes_the_indentation_of_its_line():
    documented = document(read_parts(TEXT), what="picture")(function)
    assert documented is function
    assert inspect.getdoc(function) == inspect.cleandoc(
        """Draw.

        Parameters
        ----------
        ax : Axes
            The axes of the picture.
        first : int

        second : int
            Of picture.
            And more of it.

        Examples
        --------
        >>> 1 << 2  # not a <<name>>
        4
        """
    )
    assert not any(line.isspace() for line in function.__doc__.split("\n"))


def test_a_class_has_its_methods_documented():
    class Base:
        def inherited(self):
            """<<ax>>"""

    @document(read_parts(TEXT), what="class")
    class Item(Base):
        """Item.

        <<ax>>
        """

        def plain(self):
            """<<ax>>"""

        @classmethod
        def of_class(cls):
            """<<ax>>"""

        def without(self):
            pass

    for item in (Item, Item.plain, Item.of_class):
        assert "    The axes of the class.\n" in item.__doc__ and "<<" not in item.__doc__
    assert Item.inherited.__doc__ == "<<ax>>" and Item.without.__doc__ is None


def test_an_unknown_part_is_an_error():
    def item():
        """<<no such>>"""

    with pytest.raises(KeyError, match="no such"):
        document({})(item)
