"""The Python code in a Jupyter notebook, which is a JSON file of cells."""

from __future__ import annotations

import ast
import bisect
import json
import re
from pathlib import Path
from typing import Any

SUFFIX = ".ipynb"
# IPython's own lines: `%matplotlib inline`, `!pip install x`, `files = !ls`, `?model`, `model.fit?`.
_OURS = re.compile(r"^(\s*)(?:[%!?]|[\w., ]+=\s*[%!]|.*\?\s*$)")
# Cells with these at their top hold Python all the same.
_AROUND_PYTHON = ("%%capture", "%%prun", "%%time", "%%timeit")


class Notebook:
    """`text` is the code of all cells; `place(line)` tells cell (counted from 1) and line in it of a line of `text`."""

    def __init__(self, text: str, cells: list[tuple[int, int]]) -> None:
        self.text = text
        self._first = [line for line, _ in cells]
        self._numbers = [number for _, number in cells]

    def place(self, line: int) -> tuple[int, int]:
        """Return the number of the cell among all cells, and the line in it."""
        index = bisect.bisect_right(self._first, line) - 1
        return self._numbers[index], line - self._first[index] + 1


def read(path: Path) -> Notebook:
    """Read the code cells of a notebook. ValueError if it is none, or not in Python; OSError if there is no file."""
    content = json.loads(path.read_bytes())
    cells = _cells(content)
    language = str(content.get("metadata", {}).get("kernelspec", {}).get("language") or "python").lower()
    if not language.startswith("python"):
        raise ValueError(f"a notebook in {language}, not in Python")
    lines: list[str] = []
    starts: list[tuple[int, int]] = []
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            text = "".join(source) if isinstance(source, list) else str(source)
            starts.append((len(lines) + 1, number))
            lines += _python(text).split("\n")
    return Notebook("\n".join(lines), starts or [(1, 1)])


def _cells(content: Any) -> list[Any]:
    """Return all cells; up to version 3 of the format they lay in worksheets."""
    if not isinstance(content, dict) or not isinstance(content.get("metadata", {}), dict):
        raise ValueError("no Jupyter notebook")
    sheets = content.get("worksheets", [])
    found = content.get("cells")
    if found is None and isinstance(sheets, list):
        found = [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells", [])]
    if not isinstance(found, list):
        raise ValueError("no Jupyter notebook")
    return found


def _python(text: str) -> str:
    """Return a cell's code with `pass` in place of what only IPython understands; as many lines."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        first, _, _ = text.lstrip().partition("\n")
        if first.startswith("%%") and not first.startswith(_AROUND_PYTHON):
            return "\n" * text.count("\n")
        return "\n".join(_OURS.sub(r"\1pass  # ", line) for line in text.split("\n"))
    return text
