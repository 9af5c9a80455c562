"""The calls on TensorFlow's session that remain as settings or as nothing, names and the dialect's backend."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from keras_torch import config
from keras_torch.backend.control import forget_learning_phase
from keras_torch.backend.function import Function
from keras_torch.backend.random import forget_generators
from keras_torch.backend.variables import Update, get_value, is_tensor
from keras_torch.legacy import translated
from keras_torch.symbolic import KerasTensor, naming, recomputed

normalize_data_format = translated("backend.normalize_data_format")(config.standardize_data_format)
set_epsilon = translated("backend.set_epsilon")(config.set_epsilon)
set_floatx = translated("backend.set_floatx")(config.set_floatx)

_ORDERINGS = {"th": "channels_first", "tf": "channels_last"}


def backend() -> str:
    """Return `"tensorflow"` in the dialects that ran on TensorFlow (scripts branch on it), else `"torch"`."""
    return "tensorflow" if config.dialect() in ("1", "2", "tf") else "torch"


def clear_session(free_memory: bool = True) -> None:
    """Start counting layer names, seeds and the learning phase anew.

    Unless `free_memory` is false, Python's garbage collector runs at once: a graph of layers refers to itself, so a
    model that nobody refers to any more would keep its memory until the next collection.
    """
    naming.reset_names()
    forget_generators()
    forget_learning_phase()
    if free_memory:
        gc.collect()


def get_uid(prefix: str = "") -> int:
    """Return the next number of a prefix, starting with 1."""
    return naming.get_uid(prefix)


def reset_uids() -> None:
    """Start counting layer names again."""
    naming.reset_names()


def image_dim_ordering() -> str:
    """Return `"tf"` for channels last, `"th"` for channels first (Keras 1's spelling of `image_data_format`)."""
    return "th" if config.image_data_format() == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the default layout of images: `"tf"` is channels last, `"th"` channels first."""
    if dim_ordering not in _ORDERINGS:
        raise ValueError(f"`dim_ordering` must be 'tf' or 'th'. Received: {dim_ordering!r}")
    config.set_image_data_format(_ORDERINGS[dim_ordering])


class Operation:
    """Something that a session runs for what it does to variables: entries of `K.function(updates=)`."""

    def __init__(self, updates: Sequence[Any] = ()) -> None:
        self.updates = list(updates)

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run in a session."""
        (session or get_session()).run(self, feed_dict)


class Session:
    """Stands where a TensorFlow session was expected: variables have their values from the start."""

    def run(self, fetches: Any = None, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Return the values of a tensor, a variable or an update, or of each in a list, tuple or dict of them.

        `feed_dict` gives symbolic inputs, and `K.learning_phase()`, their values. None, which initializers of variables
        are here, gives None. `options` and `run_metadata` steer and watch TensorFlow's runtime and have no meaning.
        """
        if isinstance(fetches, (list, tuple)) and not isinstance(fetches, Update):
            # In one run: what is random, or read from a file, is the same for all.
            places = [index for index, item in enumerate(fetches) if isinstance(item, (KerasTensor, Operation))]
            values = [None if i in places else self.run(item, feed_dict) for i, item in enumerate(fetches)]
            computed = self._computed([fetches[index] for index in places], feed_dict) if places else ()
            for index, value in zip(places, computed, strict=True):
                values[index] = value
            return type(fetches)(values)
        if isinstance(fetches, dict):
            return {key: self.run(item, feed_dict) for key, item in fetches.items()}
        if fetches is None:
            return None
        if isinstance(fetches, (KerasTensor, Operation)):
            return self._computed([fetches], feed_dict)[0]
        if isinstance(fetches, str) or not (isinstance(fetches, Update) or is_tensor(fetches)):
            raise TypeError(
                "`run` of a session takes tensors, variables and updates, and None for an initializer. "
                f"Received: {fetches!r} of type {type(fetches).__name__}"
            )
        return get_value(recomputed.latest(fetches))

    def _computed(self, fetches: list[Any], feed_dict: Any) -> list[Any]:
        """Return values of symbolic tensors, and None for operations, whose updates come behind them."""
        inputs = [item for item in feed_dict or {} if isinstance(item, (KerasTensor, int))]
        # A loop runs the same again and again. The function keeps what the numbers stand for.
        functions = self.__dict__.setdefault("_functions", {})
        key = tuple(map(id, inputs)), tuple(map(id, fetches))
        if key not in functions:
            tensors = [item for item in fetches if isinstance(item, KerasTensor)]
            updates = [update for item in fetches if isinstance(item, Operation) for update in item.updates]
            functions[key] = Function(inputs, tensors, updates), fetches
        values = iter(functions[key][0]([feed_dict[item] for item in inputs]))
        return [next(values) if isinstance(item, KerasTensor) else None for item in fetches]

    def close(self) -> None:
        """Forget what was computed."""
        self.__dict__.pop("_functions", None)


_session: Any = Session()


def get_session() -> Any:
    """Return the session given to `set_session`, or one that holds nothing."""
    return _session


def set_session(session: Any) -> None:
    """Keep a TensorFlow session for `get_session`; its settings concern TensorFlow's runtime, which is not there."""
    global _session
    _session = session


def legacy_weight_ordering() -> bool:
    """Return False: whether weights stand in the order of Keras before 1.0, which nobody needs to say of a file."""
    return False


def set_legacy_weight_ordering(value: bool) -> None:
    """Accept False. ValueError for True: files of Keras before 1.0 are not read."""
    if value:
        raise ValueError(
            f"Weights in the order of Keras before 1.0 are not read. Save them with Keras 1. Received: {value!r}"
        )


# Where Keras's Theano backend named the module that holds sparse matrices, and None without one.
th_sparse_module = None


def manual_variable_initialization(value: bool) -> None:
    """Accept the choice of who initializes variables: they have their values from the start."""
