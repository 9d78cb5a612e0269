"""The parameters of a network as names for slices of one flat vector."""

from math import prod

from .checks import check_vector


class ParamLayout:
    """Where each named parameter lies in the flat vector.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        In the order of the vector.

    Attributes
    ----------
    slices : dict of str to slice
    shapes : dict of str to tuple of int
    size : int
        Length of the vector.
    """

    def __init__(self, shapes):
        self.shapes = dict(shapes)
        self.slices = {}
        self.size = 0
        for name, shape in self.shapes.items():
            n = prod(shape)
            self.slices[name] = slice(self.size, self.size + n)
            self.size += n

    def views(self, vector):
        """Dict of name to the array of that name, each a view of `vector`; raises a ValueError if that is no vector of these."""
        check_vector(vector, self.size)
        return {name: vector[self.slices[name]].reshape(shape) for name, shape in self.shapes.items()}
