"""TensorFlow 1's graphs and sessions, as far as scripts around `keras.backend` use them: there is no graph to run."""

from __future__ import annotations

import contextlib
import functools
import operator
from types import SimpleNamespace
from typing import Any

from torch.utils import _pytree as pytree

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


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = "none",
) -> list[Any]:
    """Return the gradients of the sum of `ys`, weighted by `grad_ys`, with respect to each of `xs`.

    Where and in which order TensorFlow's runtime adds has no meaning here. ValueError for `stop_gradients`.
    """
    if stop_gradients is not None or unconnected_gradients not in ("none", None):
        raise ValueError(
            "`tf.gradients` takes no `stop_gradients` (use `tf.stop_gradient` on the tensors) and gives None for what "
            f"is not connected. Received: stop_gradients={stop_gradients!r}, {unconnected_gradients=}"
        )
    ends = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    weights = grad_ys if isinstance(grad_ys, (list, tuple)) else [grad_ys] * len(ends)
    weighted = [
        end if weight is None else end * backend.stop_gradient(weight)
        for end, weight in zip(ends, weights, strict=True)
    ]
    # Layers read their weights themselves, not the symbolic tensors that stand for these.
    of_layers = {id(item): item.variable for item in graph.of_layers()}
    starts = [of_layers.get(id(x), x) for x in pytree.tree_leaves(xs)]
    return backend.gradients(functools.reduce(operator.add, map(backend.sum, weighted)), starts)


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
    "gradients": gradients,
    "placeholder": placeholder,
    "reset_default_graph": reset_default_graph,
    "train.create_global_step train.get_global_step train.get_or_create_global_step": graph.global_step,
}
