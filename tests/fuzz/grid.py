"""One odd object at one door: what is wrong with what happens."""

import warnings

from .doors import DOORS
from .errors import complaint
from .models import fitted, state_of
from .objects import OBJECTS

# Functions that are called as they should be, and raise what they raise.
OF_THE_USER = {("step_importance scoring", name) for name in ("function", "class")}


def pairs():
    return [(door, name) for door in DOORS for name in OBJECTS if (door, name) not in OF_THE_USER]


def outcome(door_name, object_name):
    """Empty if the object was taken, or refused as it should be."""
    door = DOORS[door_name]
    model = None if door.model is None else fitted(door.model)
    before = None if model is None else state_of(model.set_params(warm_start=False))
    arguments = [] if model is None else [model]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            door.call(*arguments, OBJECTS[object_name]())
        except Exception as error:
            found = complaint(error, door.allowed, door.others)
            if not found and model is not None and state_of(model.set_params(warm_start=False)) != before:
                found = "the refused call left the model changed"
            return found
    return ""


def trial(seed):
    """The pair of that number, in an order that mixes doors and objects."""
    everything = pairs()
    door, name = everything[seed * 7919 % len(everything)]
    return f"{door} <- {name}", outcome(door, name)
