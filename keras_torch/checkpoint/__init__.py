"""What survives a killed process: files that are replaced in one step, and the state of objects as plain data."""

from keras_torch.checkpoint.atomic import check_writable, replacing
from keras_torch.checkpoint.changes import Attributes
from keras_torch.checkpoint.plain import (
    NotDataError,
    attributes,
    equal,
    has_state,
    mark,
    pack,
    set_attributes,
    unpack,
)

__all__ = [
    "Attributes",
    "NotDataError",
    "attributes",
    "check_writable",
    "equal",
    "has_state",
    "mark",
    "pack",
    "replacing",
    "set_attributes",
    "unpack",
]
