"""Configs that older versions wrote, brought to today's names with the same tables as calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch import config as dialects
from keras_torch.legacy import aliases
from keras_torch.legacy.rows import OMIT, Row

# Keys that carry nothing when they have these values, and that today's classes may not know.
HARMLESS: dict[str, tuple[Any, ...]] = {
    "ragged": (False, None),
    "time_major": (False,),
    "dynamic": (False,),
    "groups": (1,),
    "jit_compile": (True, False, None, "auto"),
    "is_legacy_optimizer": (True, False),
    "input_dtype": (None, "float32"),
    "optional": (False,),
    "zero_output_for_mask": (False,),
    "synchronized": (False,),
    "renorm": (False,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "quantization_config": (None,),
    "implementation": (0, 1, 2),
    "use_cudnn": ("auto", True, False),
    "fused": (None, True, False),
    "virtual_batch_size": (None,),
}
_OLD_FAMILIES = ("_regularizer", "_constraint")


def upgrade_class_name(class_name: str) -> str:
    """Return today's name of a class that a file names."""
    for table in (aliases.LAYERS, aliases.OPTIMIZERS, aliases.REGULARIZERS, aliases.CONSTRAINTS):
        if class_name in table:
            return table[class_name]
    return class_name


def upgrade_config(class_name: str, config: Mapping[str, Any], generation: str | None) -> dict[str, Any]:
    """Return a config in today's spelling.

    `generation` is the dialect of the version that wrote it ("1", "2", "tf", "3" or None); its defaults fill what the
    config leaves out. Keys without meaning today are dropped if their value says nothing, otherwise left for the class
    to refuse. Nested configs of initializers, regularizers, constraints and wrapped layers are brought up as well.
    """
    from keras_torch.legacy import row_of

    row = row_of(class_name) or Row()
    upgraded: dict[str, Any] = {}
    for key, value in config.items():
        refused = row.refused.get(key)
        if refused is not None and refused.accepts(value):
            continue
        key = row.renamed.get(key, key)
        upgraded[key] = upgrade_nested(key, value, generation)
    for key, table in row.values.items():
        value = upgraded.get(key)
        if key in upgraded and (value is None or isinstance(value, str)) and value in table:
            if table[value] is OMIT:
                del upgraded[key]
            else:
                upgraded[key] = table[value]
    for key, parts in row.joined.items():
        if all(part in upgraded for part in parts):
            upgraded[key] = tuple(upgraded.pop(part) for part in parts)
    if row.prepare:
        with dialects.dialect_scope(generation or dialects.dialect()):
            row.prepare(upgraded)
    for key, value in row.defaults.get(generation or "", {}).items():
        upgraded.setdefault(key, value)
    return upgraded


def upgrade_nested(key: str, value: Any, generation: str | None) -> Any:
    """Upgrade the configs inside a config: `{"class_name", "config"}`, and Keras 1's `{"name": "MaxNorm", ...}`."""
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("config"), dict) and isinstance(value.get("class_name"), str):
        name = upgrade_class_name(value["class_name"])
        return {**value, "class_name": name, "config": upgrade_config(name, value["config"], generation)}
    if key.endswith(_OLD_FAMILIES) and isinstance(value.get("name"), str):
        inner = {inner_key: item for inner_key, item in value.items() if inner_key != "name"}
        name = upgrade_class_name(value["name"])
        return {"class_name": name, "config": upgrade_config(name, inner, generation)}
    return value


def drop_harmless(config: Mapping[str, Any], known: frozenset[str] | set[str]) -> tuple[dict[str, Any], list[str]]:
    """Split off the keys that a class does not know and that say nothing; return the rest and the dropped names."""
    kept: dict[str, Any] = {}
    dropped: list[str] = []
    for key, value in config.items():
        harmless = HARMLESS.get(key, ())
        if key not in known and any(value is item or value == item for item in harmless):
            dropped.append(key)
        else:
            kept[key] = value
    return kept, dropped
