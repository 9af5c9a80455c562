"""The module `tensorflow` as scripts use it beside `tensorflow.keras`: functions of torch under TensorFlow's names.

`table` joins the topics, one file each; `refusals` says what is not here, and what to use. Functions take real and
symbolic tensors alike, and their results are plain tensors of torch; `tensor_methods` gives those TensorFlow's methods
while the hook is in place.
"""

from __future__ import annotations

from keras_torch.dropin.tensorflow.parts import VERSIONS, Part, forget, is_package
from keras_torch.dropin.tensorflow.parts import load as _load
from keras_torch.engine.weights import Made


def load(name: str) -> Part:
    """Return the module of that name, always the same object; a script that asks for it gets tensors to match."""
    from keras_torch.dropin.tensorflow import graph

    change_tensors()
    graph.note_weights()
    return _load(name)


def change_tensors(values_only: bool = False) -> None:
    """Give tensors TensorFlow's methods, or those that return values alone, until `restore_tensors`."""
    from keras_torch.dropin.tensorflow import tensor_methods

    tensor_methods.install(values_only)


def restore_tensors() -> None:
    """Take TensorFlow's methods from tensors, if they have them, and note no weights of layers any more."""
    from keras_torch.dropin.tensorflow import tensor_methods

    tensor_methods.uninstall()
    Made.noted = None


__all__ = ["VERSIONS", "Part", "change_tensors", "forget", "is_package", "load", "restore_tensors"]
