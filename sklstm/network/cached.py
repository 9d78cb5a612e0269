"""`cached`: properties of immutable specs that are computed once."""


class cached:
    """`functools.cached_property` without the lock that it has before Python 3.12.

    That lock is one for all instances. A process that forks while another thread has it leaves a child that waits for it without
    end. Without it two threads may compute a value twice, which is the same for immutable specs.
    """

    def __init__(self, function):
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        value = vars(instance)[self.name] = self.function(instance)  # where it is found before this from now on
        return value
