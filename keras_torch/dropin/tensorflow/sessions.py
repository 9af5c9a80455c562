"""TensorFlow 1's graphs and sessions, as far as scripts around `keras.backend` use them: there is no graph to run."""

from __future__ import annotations

import contextlib
import functools
from types import SimpleNamespace
from typing import Any

from keras_torch import backend, config
from keras_torch.backend import session
from keras_torch.dropin.tensorflow import graph
from keras_torch.dropin.tensorflow.dtypes import as_dtype
from keras_torch.dropin.tensorflow.settings import accept
from keras_torch.dropin.tensorflow.variables import forget_variables


class ConfigProto(SimpleNamespace):
    """Session settings; any of them may be set."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"gpu_options": SimpleNamespace(), "graph_options": SimpleNamespace(), **settings})


class Session(session.Session):
    """A session: `run` gives the values of tensors, symbolic ones computed from `feed_dict`, and runs operations."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.graph = graph
        self.config = config

    def as_default(self) -> Session:
        """Return the session, a context manager."""
        return self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Any:
    """A symbolic tensor. ValueError without a shape."""
    if shape is None:
        raise ValueError("`tf.placeholder` needs a `shape`, with None for unknown sizes. Received: None")
    return backend.placeholder(tuple(shape), dtype=config.dtype_name(as_dtype(dtype)), name=name)


def reset_default_graph() -> None:
    """Start counting layer names anew, and forget what `get_variable` made."""
    backend.clear_session()
    graph.forget()
    forget_variables()


class Graph:
    """A graph for `with graph.as_default()`; operations run directly, so it stays empty."""

    def as_default(self) -> contextlib.AbstractContextManager[Graph]:
        """Return a context manager."""
        return contextlib.nullcontext(self)

    def finalize(self) -> Graph:
        """Return the graph."""
        return self


_GRAPH = Graph()


def get_default_graph() -> Graph:
    """Return the one graph."""
    return _GRAPH


_ACCEPTED = """
    disable_v2_tensorshape enable_v2_tensorshape disable_resource_variables enable_resource_variables
    disable_control_flow_v2 enable_control_flow_v2
""".split()
_EAGER = {"disable": functools.partial(graph.set_eager, False), "enable": functools.partial(graph.set_eager, True)}
NAMES: dict[str, Any] = {"Graph": Graph}
VERSION_1: dict[str, Any] = {
    **dict.fromkeys(_ACCEPTED, accept),
    **{f"{word}_{name}": item for word, item in _EAGER.items() for name in ("eager_execution", "v2_behavior")},
    "global_variables_initializer initialize_all_variables variables_initializer": graph.initialize,
    "local_variables_initializer tables_initializer": session.Operation,
    "ConfigProto": ConfigProto,
    "GPUOptions": SimpleNamespace,
    "InteractiveSession": Session,
    "Session": Session,
    "get_default_graph": get_default_graph,
    "get_default_session": backend.get_session,
    "gradients": backend.gradients,
    "placeholder": placeholder,
    "reset_default_graph": reset_default_graph,
    "train.create_global_step train.get_global_step train.get_or_create_global_step": graph.global_step,
}
