"""The table that `Model.summary()` prints in dialects 1 and 2: one line a layer, cut where a column ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras_torch import config
from keras_torch.legacy import shown_class_name

# Shares of the width at which columns end, with and without one for connections, and the widths.
_CHAIN, _CHAIN_WIDTH = (0.45, 0.85, 1.0), 65
_GRAPH = (0.33, 0.55, 0.67, 1.0)
_GRAPH_WIDTHS = {"1": 100, "2": 98}
_HEADER = ("Layer (type)", "Output Shape", "Param #", "Connected to")


def layout(chain: bool, line_length: int | None, positions: Sequence[float] | None) -> tuple[int, list[int]]:
    """Return the width of the table and where its columns end; Keras 1 shows connections in any case."""
    chain = chain and config.dialect() == "2"
    width = line_length or (_CHAIN_WIDTH if chain else _GRAPH_WIDTHS[config.dialect() or "2"])
    ends = positions or (_CHAIN if chain else _GRAPH)
    return width, [int(width * end) for end in ends] if ends[-1] <= 1 else [int(end) for end in ends]


def line(cells: Sequence[Any], positions: Sequence[int]) -> str:
    """Return one row: each cell follows a blank and is cut at the end of its column."""
    text = ""
    for cell, end in zip(cells, positions, strict=False):
        text = (text[:-1] + " " if text else "") + str(cell)
        text = text[:end].ljust(end)
    return text


def print_table(
    rows: Sequence[tuple[Any, Any, Any, Sequence[str]]],
    chain: bool,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Callable[[str], Any],
) -> None:
    """Print layers, each with its output shape, number of parameters and connections."""
    width, ends = layout(chain, line_length, positions)
    connected = not chain or config.dialect() == "1"
    print_fn("_" * width)
    print_fn(line(_HEADER if connected else _HEADER[:3], ends))
    print_fn("=" * width)
    for index, (layer, shape, parameters, sources) in enumerate(rows):
        first, *others = sources or [""]
        cells = [f"{layer.name} ({shown_class_name(layer)})", shape, parameters]
        print_fn(line([*cells, first] if connected else cells, ends))
        for source in others if connected else ():
            print_fn(line(["", "", "", source], ends))
        print_fn(("=" if index == len(rows) - 1 else "_") * width)


def print_totals(counts: dict[str, int], width: int, print_fn: Callable[[str], Any]) -> None:
    """Print the numbers of parameters."""
    for title, count in counts.items():
        print_fn(f"{title} params: {count:,}")
    print_fn("_" * width)
