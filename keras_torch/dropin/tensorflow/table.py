"""All names below `tensorflow`: dotted paths → functions and classes; what only TensorFlow 1 had stands apart."""

from __future__ import annotations

from typing import Any

from keras_torch.dropin.tensorflow import (
    arrays,
    boxes,
    candidates,
    data,
    debugging,
    distribute,
    dtypes,
    examples,
    files,
    function,
    images,
    inside,
    keras_names,
    linalg,
    lookup,
    math,
    modules,
    nn,
    old_resize,
    parsing,
    ragged,
    random,
    records,
    refusals,
    reused,
    saved_models,
    sessions,
    settings,
    sizes,
    slicing,
    sparse,
    special,
    streaming,
    summaries,
    tape,
    text,
    training,
    variables,
)
from keras_torch.dropin.tensorflow.adapt import spread

_TOPICS = (
    *(
        dtypes,
        sizes,
        arrays,
        math,
        slicing,
        linalg,
        nn,
        candidates,
        images,
        old_resize,
        random,
        text,
        files,
        function,
        variables,
    ),
    *(tape, modules, lookup, sparse, data, records, examples, parsing, debugging, settings, sessions, distribute),
    *(training, saved_models, keras_names, special, ragged, boxes, inside, refusals, streaming, summaries),
)


def _joined(attribute: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for topic in _TOPICS:
        found.update(spread(getattr(topic, attribute, {})))
    return found


NAMES: dict[str, Any] = ragged.dispatched({**reused.NAMES, **_joined("NAMES"), "newaxis": None})
VERSION_1: dict[str, Any] = _joined("VERSION_1")
MODULES = keras_names.MODULES
