"""The table that `Model.summary()` prints, in the look of tf.keras.

That of Keras 1 and 2 is in `summary_classic`, that of Keras 3 in `summary_boxes`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from keras_torch import config
from keras_torch.callbacks.output import print_message
from keras_torch.symbolic.node import FunctionOp, is_step, taken_by
from keras_torch.utils import summary_boxes, summary_classic

Print = Callable[[str], Any]

# Places at which a long cell is broken before its column is full.
_BREAKS = ("),", "},", "],", "',")


def count_params(weights: Iterable[Any]) -> int:
    """Return the number of elements in `weights`, each counted once."""
    return sum(math.prod(weight.shape) for weight in _unique(weights))


def memory_size(weights: Iterable[Any]) -> int:
    """Return the number of bytes that `weights` take, each counted once."""
    return sum(math.prod(weight.shape) * _item_size(weight) for weight in _unique(weights))


def readable_memory_size(size: float) -> str:
    """Return a number of bytes as text, e.g. `"1.50 KB"`."""
    for unit in ("Byte", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def _unique(weights: Iterable[Any]) -> list[Any]:
    return list({id(weight): weight for weight in weights}.values())


def _item_size(weight: Any) -> int:
    dtype = weight.dtype
    return (dtype if isinstance(dtype, torch.dtype) else config.torch_dtype(dtype)).itemsize


class _Table:
    """Rows of columns that end at `positions`, with a frame of `|` for nested models."""

    def __init__(self, line_length: int, positions: Sequence[float], print_fn: Print) -> None:
        self.line_length = line_length
        ends = [int(line_length * end) for end in positions] if positions[-1] <= 1 else [int(end) for end in positions]
        self.positions = ends
        self.print_fn = print_fn

    def rule(self, character: str) -> None:
        self.print_fn(character * self.line_length)

    def row(self, cells: Sequence[Any], level: int = 0) -> None:
        """Print one row; cells too long for their column go on below."""
        rest = [str(cell) for cell in cells]
        while any(rest):
            line = ""
            for column, end in enumerate(self.positions[: len(rest)]):
                start = self.positions[column - 1] if column else 0
                is_last = column == len(self.positions) - 1
                room = end - start - (0 if is_last else 3) - (level if column == 0 else 0)
                room = self._break_at(rest[column][:room], room)
                if column == 0:
                    line += "|" * level + " "
                line = (line + rest[column][:room]).ljust(end - (level if is_last else 0))
                rest[column] = rest[column][room:]
            self.print_fn(line + "|" * level)

    @staticmethod
    def _break_at(text: str, room: int) -> int:
        found = [text.find(mark) + len(mark) for mark in _BREAKS if mark in text]
        return min(found) if found else room


class _Summary:
    """Prints one model; `relevant` holds the nodes of its graph, None for models whose layers form a chain."""

    def __init__(self, table: _Table, relevant: set[int] | None, expand_nested: bool, show_trainable: bool) -> None:
        self.table = table
        self.relevant = relevant
        self.expand_nested = expand_nested
        self.show_trainable = show_trainable

    def layer(self, layer: Any, level: int = 0, is_last: bool = False) -> None:
        cells = [f"{layer.name} ({summary_boxes.shown_class(layer)})", output_shape(layer), _parameters(layer)]
        if self.relevant is not None:
            cells.append(self.connections(layer))
        if self.show_trainable:
            cells.append("Y" if layer.trainable else "N")
        self.table.row(cells, level)
        inner = getattr(layer, "layers", None) if self.expand_nested else None
        if inner:
            self.frame("¯", level + 1)
            for index, item in enumerate(inner):
                self.layer(item, level + 1, index == len(inner) - 1)
            self.frame("¯", level)
        elif not is_last:
            self.frame(" ", level)

    def frame(self, character: str, level: int) -> None:
        self.table.print_fn("|" * level + character * (self.table.line_length - 2 * level) + "|" * level)

    def connections(self, layer: Any) -> list[str]:
        """Return `name[node][tensor]` of every input of the layer inside this model."""
        found = []
        for node in getattr(layer, "_inbound_nodes", ()):
            if self.relevant and id(node) not in self.relevant:
                continue
            found += [f"{source.name}[{_place(source, place)}][{tensor}]" for source, place, tensor in _sources(node)]
        return found


def _place(source: Any, place: int) -> int:
    """Return the number of a call; in Keras 1 and 2 the graph of a model itself was the first of its calls."""
    return place + (config.is_classic() and getattr(source, "_network", None) is not None)


def output_shape(layer: Any) -> Any:
    try:
        shape = layer.output_shape
    except AttributeError:
        return summary_boxes.shape_of_call(layer) if config.is_modern() and not layer._inbound_nodes else "multiple"
    except RuntimeError:
        return "?"
    return "?" if shape is None else shape


def _parameters(layer: Any) -> Any:
    if not getattr(layer, "built", True):
        return "0 (unused)"
    return layer.count_params()


def graph_nodes(model: Any) -> list[Any]:
    """Return the nodes of a model's graph without those of masks and losses; empty for a subclassed model."""
    network = getattr(model, "_network", None)
    nodes = getattr(network, "nodes", ())
    return [node for node in nodes if not is_internal(node.operation) and not is_step(node.operation)]


def is_internal(operation: Any) -> bool:
    return bool(getattr(operation, "internal", False))


def _sources(node: Any) -> list[tuple[Any, int, int]]:
    """Return (operation, node index, tensor index) of a node's inputs."""
    histories = (tensor._keras_history for tensor in taken_by(node))
    return [history[:3] for history in histories if history and not is_internal(history[0])]


def is_sequential(model: Any) -> bool:
    """Whether a model is a stack of layers."""
    return any(base.__name__ == "Sequential" for base in type(model).__mro__)


def _is_chain(model: Any, nodes: Sequence[Any]) -> bool:
    """Whether the layers follow one another, so that the table needs no column of connections."""
    if not nodes or is_sequential(model):
        return True
    sources = [_sources(node) for node in nodes]
    used = [(id(operation), index) for entries in sources for operation, index, _ in entries]
    calls = [id(node.operation) for node in nodes]
    return (
        all(len(entries) <= 1 for entries in sources)
        and len(set(used)) == len(used)
        and len(set(calls)) == len(calls)
        and sum(not entries for entries in sources) <= 1
    )


def selected_layers(layers: Sequence[Any], layer_range: Sequence[str] | None) -> Sequence[Any]:
    """Return the layers from the first to the last name (regular expressions) of `layer_range`."""
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"`layer_range` must hold the names of two layers. Received: {layer_range!r}")
    bounds = []
    for pattern in layer_range:
        places = [index for index, layer in enumerate(layers) if re.match(pattern, layer.name)]
        if not places:
            raise ValueError(
                f"`layer_range` names no layer of the model with {pattern!r}. "
                f"The layers are: {', '.join(layer.name for layer in layers)}"
            )
        bounds.append(places)
    first, last = min(bounds[0]), max(bounds[1])
    first, last = (first, last) if first <= last else (min(bounds[1]), max(bounds[0]))
    return layers[first : last + 1]


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Print | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print a table of a model's layers, output shapes and numbers of parameters.

    Args:
        model: A built model.
        line_length: Width of the table.
        positions: Where the columns end, in characters or as shares of the width.
        print_fn: Receives each line; standard output by default.
        expand_nested: Show the layers inside of nested models.
        show_trainable: Add a column that says which layers are trained.
        layer_range: Names (or regular expressions) of the first and the last layer to show.
    """
    nodes = graph_nodes(model)
    chain = _is_chain(model, nodes)
    if config.is_classic() and not (expand_nested or show_trainable or layer_range):
        _print_classic(model, nodes, chain, line_length, positions, print_fn or print_message)
        return
    if config.dialect() == "3":
        shown = selected_layers(_operations(model), layer_range)
        _print_boxes(
            model, shown, nodes if not chain else None, line_length, positions, print_fn, expand_nested, show_trainable
        )
        return
    line_length = line_length or (65 if chain else 98)
    positions = positions or ([0.45, 0.85, 1.0] if chain else [0.3, 0.6, 0.7, 1.0])
    print_fn = print_fn or print_message
    table = _Table(line_length, positions, print_fn)
    header = ["Layer (type)", "Output Shape", "Param #"] + ([] if chain else ["Connected to"])
    if show_trainable:
        table.line_length += 11
        table.positions.append(table.line_length)
        header.append("Trainable")
    print_fn(f'Model: "{model.name}"')
    table.rule("_")
    table.row(header)
    table.rule("=")
    summary = _Summary(table, None if chain else {id(node) for node in nodes}, expand_nested, show_trainable)
    for layer in selected_layers(model.layers, layer_range):
        summary.layer(layer)
    table.rule("=")
    _print_totals(model, table)


def _print_classic(
    model: Any,
    nodes: Sequence[Any],
    chain: bool,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Print,
) -> None:
    connections = _Summary(_Table(1, [1], print_fn), {id(node) for node in nodes}, False, False).connections
    layers = model.layers
    rows = [(layer, output_shape(layer), _parameters(layer), connections(layer)) for layer in layers]
    summary_classic.print_table(rows, chain, line_length, positions, print_fn)
    width, _ = summary_classic.layout(chain, line_length, positions)
    counts = {title: count_params(weights) for title, weights in _totals(model)}
    summary_classic.print_totals(counts, width, print_fn)


def _operations(model: Any) -> list[Any]:
    """Return the layers of a model, and the operations of its graph in their places."""
    network = None if is_sequential(model) else getattr(model, "_network", None)
    if network is None:
        return model.layers
    shown = {id(layer) for layer in model.layers}
    return [op for op in network.operations if id(op) in shown or (isinstance(op, FunctionOp) and not op.internal)]


def _print_boxes(
    model: Any,
    layers: Sequence[Any],
    nodes: Sequence[Any] | None,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Print | None,
    expand_nested: bool,
    show_trainable: bool,
) -> None:
    lines: list[str] = []
    widths = summary_boxes.column_widths(nodes is None, line_length, positions, show_trainable)
    header = ["Layer (type)", "Output Shape", "Param #"] + ([] if nodes is None else ["Connected to"])
    connections = None
    if nodes is not None:
        known = {id(node) for node in nodes}
        connections = _Summary(_Table(1, [1], print_message), known, False, False).connections
    lines.append(f'Model: "{model.name}"')
    cells = summary_boxes.rows(layers, connections, expand_nested, show_trainable)
    header += ["Trainable"] if show_trainable else []
    summary_boxes.print_table(summary_boxes.Boxes(header, widths, lines.append), cells)
    (_, total), *parts = _totals(model)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and getattr(optimizer, "built", False):
        parts.append(("Optimizer", list(optimizer.variables)))
        total = [*total, *parts[-1][1]]
    for title, weights in [("Total", total), *parts]:
        size = readable_memory_size(memory_size(weights)).replace("Byte", "B")
        lines.append(f" {title} params: {count_params(weights):,} ({size})")
    # One call with all of it, as in Keras 3.
    (print_fn or print_message)("\n".join(lines) + ("\n" if print_fn else ""))


def _totals(model: Any) -> list[tuple[str, list[Any]]]:
    """Return titles and weights of the last lines."""
    # The weights that the optimizer got at compile time may differ from those trainable now.
    trainable = getattr(model, "_collected_trainable_weights", None) or model.trainable_weights
    fixed = model.non_trainable_weights
    return [("Total", [*trainable, *fixed]), ("Trainable", trainable), ("Non-trainable", fixed)]


def _print_totals(model: Any, table: _Table) -> None:
    for title, weights in _totals(model):
        table.print_fn(f"{title} params: {count_params(weights)} ({readable_memory_size(memory_size(weights))})")
    table.rule("_")
