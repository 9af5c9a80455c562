"""`model.metrics_names.append(name)` and `model.metrics_tensors.append(tensor)`: how Keras 2 added metrics by hand."""

from __future__ import annotations

from typing import Any


class Appended(list):
    """A list of what a model reports; a name and a tensor that were appended become a metric of the model."""

    def __init__(self, model: Any, kind: str, items: Any) -> None:
        self._model, self._kind = model, kind
        self._appended = model.__dict__.setdefault("_appended_metrics", {"name": [], "tensor": []})[kind]
        super().__init__([*items, *(item for item in self._appended if item not in items)])

    def append(self, item: Any) -> None:
        """Add the name of a metric or its symbolic value, the first of each belonging together."""
        super().append(item)
        self._appended.append(item)
        waiting = self._model.__dict__.setdefault("_waiting_metrics", {"name": [], "tensor": []})
        waiting[self._kind].append(item)
        while waiting["name"] and waiting["tensor"]:
            self._model.add_metric(waiting["tensor"].pop(0), name=waiting["name"].pop(0), aggregation="mean")

    def __reduce__(self) -> Any:
        return list, (list(self),)
