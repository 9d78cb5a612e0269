"""`TimeAttributes`: what `Sequences` say of the times of their steps."""


class TimeAttributes:
    """Times of the steps of `Sequences`, which have them as `StepTimes` in ``_times``, or None there."""

    @property
    def times(self):
        """Time of each step, an ndarray of shape (total_steps,), or None; see `with_times`."""
        return None if self._times is None else self._times.values

    @times.setter
    def times(self, times):
        raise AttributeError("times of Sequences cannot be set: X.with_times(times) returns the same sequences with times.")

    def with_times(self, times):
        """Return the same sequences with other times of their steps.

        Parameters
        ----------
        times : array-like of shape (total_steps,) or None
            Time of each step, which increases along each sequence: numbers of any unit, dates, durations or ISO 8601 texts.
            None removes the times.

        Returns
        -------
        Sequences
            Sequences with the same values.

        Raises
        ------
        ValueError
            If there is not one time for each step, one is missing or infinite, they decrease or repeat within a sequence, or
            they have no distances.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> X = Sequences.from_list([[1.0, 2.0, 3.0], [4.0]]).with_times([0, 1, 24, 7])
        >>> X
        Sequences(2 sequences of 1 to 3 steps, 1 channel, times (int64), float64)
        >>> X[[1, 0]].times
        array([ 7,  0,  1, 24])
        """
        return type(self)(self.values, self.offsets, **self._named() | {"times": times})
