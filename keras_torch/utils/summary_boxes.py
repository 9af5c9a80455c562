"""The table that `Model.summary()` prints in the dialect of Keras 3: cells in boxes, as narrow as the terminal."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras_torch.data.structure import map_structure
from keras_torch.symbolic.node import FunctionOp

# Shares of the width at which columns end, and the widths, without and with a column for connections.
_CHAIN, _CHAIN_WIDTH = (0.45, 0.8, 1.0), 88
_GRAPH, _GRAPH_WIDTH = (0.3, 0.56, 0.74, 1.0), 108
_NUMBERS = "Param #"
_TRAINABLE = "Trainable"
_NARROWEST = 4


def column_widths(chain: bool, line_length: int | None, positions: Sequence[float] | None, extra: bool) -> list[int]:
    """Return the widths of the columns between their borders; `extra` adds one that says what is trained."""
    shares = list(positions or (_CHAIN if chain else _GRAPH))
    preferred = _CHAIN_WIDTH if chain else _GRAPH_WIDTH
    if extra:
        shares = [share * 0.9 for share in shares] + [1.0]
        preferred += 12
    width = line_length or min(preferred, shutil.get_terminal_size().columns - 4)
    ends = [int(share * width) for share in shares]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(widths) < _NARROWEST:
        raise ValueError(f"`line_length` is too small for {len(widths)} columns. Received: line_length={width}")
    # The borders, and a blank at both sides of each cell, are taken from all columns alike.
    excess = 3 * len(widths) + 1
    for left in range(len(widths), 0, -1):
        share = round(excess / left)
        widths[-left] += 2 - share
        excess -= share
    return widths


def wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` characters, broken at blanks; what is longer ends in an ellipsis."""
    lines, used = [""], 0
    for word in re.findall(r"\s*\S+\s*", text):
        fits = len(word.rstrip()) <= width - used
        if not fits and lines[-1]:
            lines.append("")
        used = used + len(word) if fits else len(word)
        lines[-1] += word
    lines = [line.rstrip() for line in lines]
    return [line if len(line) <= width else line[: width - 1] + "…" for line in lines]


class Boxes:
    """Prints rows of cells with borders around them."""

    def __init__(self, header: Sequence[str], widths: Sequence[int], print_fn: Callable[[str], Any]) -> None:
        self.header = header
        self.widths = widths
        self.print_fn = print_fn
        ways = {_NUMBERS: str.rjust, _TRAINABLE: str.center}
        self._justify = [ways.get(title, str.ljust) for title in header]

    def rule(self, left: str, line: str, middle: str, right: str) -> None:
        """Print a border."""
        self.print_fn(left + middle.join(line * width for width in self.widths) + right)

    def row(self, cells: Sequence[str], border: str = "│") -> None:
        """Print one row in as many lines as its longest cell needs."""
        columns = [wrapped(cell, width - 2) for cell, width in zip(cells, self.widths, strict=True)]
        height = max(len(lines) for lines in columns)
        if cells is self.header:
            columns = [[""] * (height - len(lines)) + lines for lines in columns]
        for number in range(height):
            line = border
            for lines, width, justify in zip(columns, self.widths, self._justify, strict=True):
                text = lines[number] if number < len(lines) else ""
                line += f" {justify(text, width - 2)} {border}"
            self.print_fn(line)


def shape_of_call(layer: Any) -> Any:
    """Return the shape(s) that a layer outside of graphs gives for what it was called with first or built for."""
    shapes = tuple(getattr(layer, "_call_shapes", {}).values()) or getattr(layer, "_build_shapes", ())
    if not shapes:
        return "?"
    try:
        return layer.compute_output_shape(*shapes)
    except (NotImplementedError, TypeError, ValueError):
        return "?"


def shown_shape(layer: Any) -> str:
    """Return the shape(s) that a layer gave last."""
    nodes = getattr(layer, "_inbound_nodes", ())
    if not nodes:
        return str(shape_of_call(layer))
    shapes = map_structure(lambda tensor: str(tuple(tensor.shape)), nodes[-1].outputs)
    return shapes if isinstance(shapes, str) else re.sub(r"^\[(\([^)]*\))\]$", r"\1", str(shapes).replace("'", ""))


def shown_class(operation: Any) -> str:
    """Return the class of a layer or of an operation as Keras 3 calls it."""
    if isinstance(operation, FunctionOp):
        return "".join(part.capitalize() for part in re.sub(r"_\d+$", "", operation.name).split("_"))
    name = type(operation).__name__
    return "Functional" if name == "Model" and operation._network is not None else name


def rows(
    layers: Sequence[Any], connections: Callable[[Any], list[str]] | None, expand: bool, trainable: bool, level: int = 0
) -> Iterator[list[str]]:
    """Yield the cells of layers, and of those inside them if `expand`."""
    for layer in layers:
        count = "0" if isinstance(layer, FunctionOp) else f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        before = "   " * level + "└ " if level else ""
        cells = [f"{before}{layer.name} ({shown_class(layer)})", shown_shape(layer), count]
        if connections is not None:
            cells.append(", ".join(connections(layer)) or "-")
        if trainable:
            cells.append("-" if not getattr(layer, "weights", ()) else "Y" if layer.trainable else "N")
        yield cells
        if expand:
            yield from rows(getattr(layer, "layers", None) or (), connections, expand, trainable, level + 1)


def print_table(boxes: Boxes, cells: Iterator[list[str]]) -> None:
    """Print the header and the rows."""
    boxes.rule("┏", "━", "┳", "┓")
    boxes.row(boxes.header, "┃")
    boxes.rule("┡", "━", "╇", "┩")
    for number, row in enumerate(cells):
        if number:
            boxes.rule("├", "─", "┼", "┤")
        boxes.row(row)
    boxes.rule("└", "─", "┴", "┘")
