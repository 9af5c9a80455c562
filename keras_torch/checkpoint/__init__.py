"""What survives a killed process: files that are replaced in one step, and the state of objects as plain data."""

from keras_torch.checkpoint.atomic import check_writable, replacing
from keras_torch.checkpoint.changes import Attributes
from keras_torch.checkpoint.latest import Status, files_in, is_checkpoint_name, latest_checkpoint, set_latest
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
    "Status",
    "attributes",
    "check_writable",
    "equal",
    "files_in",
    "has_state",
    "is_checkpoint_name",
    "latest_checkpoint",
    "mark",
    "pack",
    "replacing",
    "set_attributes",
    "set_latest",
    "unpack",
]
