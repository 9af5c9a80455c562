"""What TensorFlow has and this stand-in has not, each with what to use."""

from __future__ import annotations

from keras_torch.errors import suggest

# Functions of `tf.data`, which are not written yet.
LATER: frozenset[str] = frozenset()

# Path, or `family.*` → what to use.
FUNCTIONS: dict[str, str] = {}


def text(path: str, short: str) -> str:
    """Return the message for a name that is not here; `path` is what was asked for, `short` without `compat.v1`."""
    parts = short.split(".")
    families = [f"{'.'.join(parts[:end])}.*" for end in range(len(parts), 0, -1)]
    way = next((FUNCTIONS[key] for key in (short, *families) if key in FUNCTIONS), None)
    if way is None:
        from keras_torch.dropin.tensorflow import table

        hint = suggest(short, [*table.NAMES, *table.VERSION_1])
        way = f"Use `keras.ops`, `keras.backend` or torch; they work on Keras tensors too.{hint}"
    return f"`tensorflow.{path}` is not available without TensorFlow. {way}"
