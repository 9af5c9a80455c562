"""Keras 0.x's `Graph`, of which only the name is left."""

from __future__ import annotations

from typing import Any


class Graph:
    """The model of named nodes of Keras before 1.0; constructing one says what to use instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "`Graph` belongs to Keras before 1.0. Use the functional API in its place: `x = Input(shape=...)` for "
            "`add_input`, `x = layer(x)` for `add_node` (`concatenate([x, y])` for several inputs), and "
            "`Model(inputs, outputs)` for `add_output`."
        )
