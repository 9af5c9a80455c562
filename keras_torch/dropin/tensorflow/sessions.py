"""TensorFlow 1's graphs and sessions, as far as scripts around `keras.backend` use them: there is no graph to run."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

from keras_torch.dropin.tensorflow.settings import accept


class ConfigProto(SimpleNamespace):
    """Session settings; any of them may be set."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"gpu_options": SimpleNamespace(), "graph_options": SimpleNamespace(), **settings})


class Session:
    """A session for `K.set_session` and initializer calls; there is no graph to run."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.graph = graph
        self.config = config

    def run(self, fetches: Any = None, feed_dict: Any = None) -> None:
        """Accept the initializer of variables (None); anything else has no meaning here."""
        if fetches is not None:
            raise NotImplementedError(
                "`tf.Session.run` is not available: models run directly. Call the model, `predict` or `K.function`."
            )

    def as_default(self) -> Session:
        """Return the session, a context manager."""
        return self

    def close(self) -> None:
        """Release nothing: the session holds nothing."""
        self.config = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


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
    disable_eager_execution disable_v2_behavior enable_eager_execution enable_v2_behavior disable_v2_tensorshape
    enable_v2_tensorshape disable_resource_variables enable_resource_variables global_variables_initializer
    initialize_all_variables local_variables_initializer reset_default_graph tables_initializer variables_initializer
    disable_control_flow_v2 enable_control_flow_v2
""".split()
NAMES: dict[str, Any] = {"Graph": Graph}
VERSION_1: dict[str, Any] = {
    **dict.fromkeys(_ACCEPTED, accept),
    "ConfigProto": ConfigProto,
    "GPUOptions": SimpleNamespace,
    "InteractiveSession": Session,
    "Session": Session,
    "get_default_graph": get_default_graph,
}
