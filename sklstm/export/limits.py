"""Bounds of numbers in float32 that exported models share."""

# Of values that stand for missing ones, as in the kernel.
BOUND = 1e15
# Score of what is not allowed: no infinity, of which differences are not defined.
FORBIDDEN = -1e30
