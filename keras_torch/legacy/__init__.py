"""Old spellings of Keras 1 and 2, translated at one seam: calls of constructors and methods, and configs from files.

The tables are in `layer_rows`, `training_rows`, `backend_rows`, `data_rows`, `image_rows` and `aliases`;
`translate` applies them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch.legacy import attributes, backend_rows, data_rows, image_rows, layer_rows, training_rows
from keras_torch.legacy.aliases import shown_class_name
from keras_torch.legacy.configs import drop_harmless, upgrade_class_name, upgrade_config
from keras_torch.legacy.rows import Row
from keras_torch.legacy.translate import wrap

ROWS: dict[str, Row] = {
    **layer_rows.LAYERS,
    **training_rows.OPTIMIZERS,
    **training_rows.CALLBACKS,
    **training_rows.INITIALIZERS,
    **training_rows.PENALTIES,
    **training_rows.METRICS,
    **training_rows.METHODS,
    **training_rows.FUNCTIONS,
    **backend_rows.BACKEND,
    **data_rows.PREPROCESSING,
    **data_rows.UTILS,
    **image_rows.IMAGES,
    **data_rows.DATASETS,
}

__all__ = [
    "ROWS",
    "Row",
    "adapt",
    "drop_harmless",
    "read_old_name",
    "row_of",
    "shown_class_name",
    "translated",
    "upgrade_class_name",
    "upgrade_config",
]


def row_of(name: str) -> Row | None:
    """Return the table row of a class (`"Dense"`, `"Dense.__init__"`) or method (`"Model.fit"`), or None."""
    return ROWS.get(name.removesuffix(".__init__"))


def read_old_name(layer: Any, name: str) -> Any:
    """Return what Keras 1 called `layer.<name>`. AttributeError if it had nothing of that name."""
    return attributes.read_old_name(layer, name, ROWS)


def translated(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function so that it also takes the old arguments that the row `name` lists."""
    row = row_of(name)
    label = name.removesuffix(".__init__").rsplit(".", 1)[-1]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return function if row is None else wrap(label, row, function)

    return decorate


def adapt(cls: type) -> None:
    """Make a class's constructor take its old arguments, if a row exists for the class or for its family."""
    family_name = cls.__module__.removeprefix("keras_torch.").partition(".")[0]
    own = row_of(f"{family_name}.{cls.__name__}") or row_of(cls.__name__)
    row = own
    for base in cls.__mro__[1:]:
        family = training_rows.FAMILIES.get(base.__name__)
        if family is not None:
            row = family if row is None else row.merged(family)
    if row is None or (own is None and "__init__" not in cls.__dict__):
        return
    init = cls.__init__  # type: ignore[misc]
    original = init.__wrapped__ if hasattr(init, "translator") else init
    cls.__init__ = wrap(cls.__name__, row, original)  # type: ignore[misc]
