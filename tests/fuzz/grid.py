"""One odd object at one door: what is wrong with what happens."""

import faulthandler
import warnings

from .doors import DOORS
from .errors import complaint
from .meaningless import MEANINGLESS
from .models import fitted, state_of
from .objects import OBJECTS

SECONDS = 60  # for a pair; then it hangs, and the process ends with a traceback

# Functions that are called as they should be, and raise what they raise.
OF_THE_USER = {("step_importance scoring", name) for name in ("function", "class")}


# What only takes time and memory: sizes that a user may ask for.
TOO_LARGE = {
    ("make_embedded_reber n_samples", "2**70"),
    ("make_seasonal n_steps", "2**70"),
    ("step_importance channels", "huge view"),
}


def pairs():
    return [(door, name) for door in DOORS for name in OBJECTS if (door, name) not in OF_THE_USER | TOO_LARGE]


def outcome(door_name, object_name):
    """Empty if the object was taken where it may be, or refused as it should be."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        return _outcome(door_name, object_name)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _outcome(door_name, object_name):
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
    return "taken, which it must not be" if object_name in MEANINGLESS.get(door_name, ()) else ""


def trial(seed):
    """The pair of that number, in an order that mixes doors and objects."""
    everything = pairs()
    door, name = everything[seed * 7919 % len(everything)]
    return f"{door} <- {name}", outcome(door, name)
