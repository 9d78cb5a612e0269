"""`StaticAttributes`: what `Sequences` say of their static features."""


class StaticAttributes:
    """Static features of `Sequences`, which have them as a `StaticTable` in ``_static``, or None there."""

    @property
    def static(self):
        """Static features of the sequences, an ndarray of shape (n_sequences, n_static), or None; see `with_static`."""
        return None if self._static is None else self._static.values

    @static.setter
    def static(self, table):
        raise AttributeError("static of Sequences cannot be set: X.with_static(table) returns the same sequences with a table.")

    @property
    def static_names(self):
        """Names of the static features, a list, or None."""
        return None if self._static is None else self._static.names

    @property
    def static_categories(self):
        """Categories of the categorical static features: a dict from their number to the values that the codes stand for."""
        return {} if self._static is None else self._static.categories

    def with_static(self, table):
        """Return the same sequences with other static features.

        Parameters
        ----------
        table : 2-D array-like, DataFrame, dict of columns, list of rows or None
            One row for each sequence. Columns of texts, categories or booleans are categorical. A pandas DataFrame whose index
            has the `ids` is brought into their order. None removes the static features.

        Returns
        -------
        Sequences
            Sequences with the same values.

        Raises
        ------
        ValueError
            If the table has another number of rows, other ids, or columns of neither numbers nor categories.

        See Also
        --------
        sklstm.preprocessing.with_static : The same for any accepted form of X.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> X = Sequences.from_list([[1.0, 2.0], [4.0]]).with_static({"age": [61, 48], "site": ["north", "south"]})
        >>> X.static
        array([[61.,  0.],
               [48.,  1.]])
        >>> X[1:].static, X.static_names
        (array([[48.,  1.]]), ['age', 'site'])
        """
        return type(self)(self.values, self.offsets, **self._named() | {"static": table})
