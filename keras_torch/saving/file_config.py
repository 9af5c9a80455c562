"""Modern configs → the form written to files, which Keras 2.2.4 (where it can), 2.15 and 3.x all read.

Keys that only some generations know are left out while they hold their default; names are those of the oldest reader
that later ones still accept (`alpha` of LeakyReLU, `batch_input_shape`).
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from keras_torch import registry
from keras_torch.models.operations import is_operation
from keras_torch.models.operations.reading import TENSORFLOW_CLASSES
from keras_torch.registry import snake_case

# Left out while they have this value: not every generation knows them, and all mean the same without them.
DEFAULTS: dict[str, Any] = {
    "time_major": False,
    "zero_output_for_mask": False,
    "seed": None,
    "ragged": False,
    "optional": False,
    "quantization_config": None,
    "keepdims": False,
    "groups": 1,
    "rms_scaling": False,
    "synchronized": False,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "autocast": True,
    "lora_rank": None,
    "input_axes": None,
    "output_axes": None,
}
# The same for keys that only one class gained.
CLASS_DEFAULTS: dict[tuple[str, str], Any] = {
    # Keras 3 takes "dot" for the name of its function when it reads an .h5 file.
    ("Attention", "score_mode"): "dot",
    ("AlphaDropout", "noise_shape"): None,
    ("Conv3DTranspose", "dilation_rate"): (1, 1, 1),
    ("LocallyConnected1D", "implementation"): 1,
    ("LocallyConnected2D", "implementation"): 1,
    ("MultiHeadAttention", "sliding_window"): None,
    ("MultiHeadAttention", "use_gate"): False,
    # Keras 3 takes nothing but the layers and the name.
    ("Pipeline", "trainable"): True,
    ("Pipeline", "dtype"): "float32",
    ("ZeroPadding1D", "data_format"): "channels_last",
    **{(name, "oov_method"): "floormod" for name in ("StringLookup", "IntegerLookup")},
    **{(name, "salt"): None for name in ("StringLookup", "IntegerLookup")},
    # Keras 2.15 puts a vocabulary that may be learnt anew into no .h5 file.
    **{(name, "has_input_vocabulary"): False for name in ("StringLookup", "IntegerLookup", "TextVectorization")},
    **{
        (name, "data_format"): "channels_last"
        for name in (
            *("Resizing", "CenterCrop", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation"),
            *("RandomZoom", "RandomBrightness", "RandomContrast"),
        )
    },
    ("Resizing", "pad_to_aspect_ratio"): False,
    ("Resizing", "fill_mode"): "constant",
    ("Resizing", "fill_value"): 0.0,
    ("Resizing", "antialias"): False,
    ("RandomContrast", "value_range"): (0, 255),
}
# Where a key of DEFAULTS has another default.
_OTHER_DEFAULTS = frozenset({("GroupNormalization", "groups")})
# Left out where it equals another key, which is what it is without being told: Keras 3.0 to 3.9 do not know it.
_FOLLOWING = {"lora_alpha": "lora_rank"}
# (class, key) -> the key that, where it is not None, stands for it: Keras 2.15 and most of 3.0 to 3.9 refuse both.
OVERRULED = {("Discretization", "num_bins"): "bin_boundaries"}
# (class, key) -> the older name that every generation reads.
RENAMED = {("LeakyReLU", "negative_slope"): "alpha", ("InputLayer", "batch_shape"): "batch_input_shape"}
# Our names of classes that Keras 3 exports under another one than they have.
CLASS_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}
_ONLY_KERAS_3 = frozenset(
    {
        *(f"Adaptive{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3)),
        *("AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Equalization"),
        *("GroupedQueryAttention", "MaxNumBoundingBoxes", "MelSpectrogram", "MixUp", "Pipeline", "RMSNormalization"),
        *("RandAugment", "RandomColorDegeneration", "RandomColorJitter", "RandomElasticTransform", "RandomErasing"),
        *("RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective"),
        *("RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomShear", "ReversibleEmbedding"),
        *("STFTSpectrogram", "Solarization", "TorchModuleWrapper"),
    }
)
# Classes of tf.keras for what Keras 2 wrote as VarianceScaling: (scale, mode, distribution).
_SCALINGS = {
    "GlorotUniform": (1.0, "fan_avg", "uniform"),
    "GlorotNormal": (1.0, "fan_avg", "normal"),
    "HeUniform": (2.0, "fan_in", "uniform"),
    "HeNormal": (2.0, "fan_in", "normal"),
    "LecunUniform": (1.0, "fan_in", "uniform"),
    "LecunNormal": (1.0, "fan_in", "normal"),
}
_FAMILIES = (
    registry.layers,
    registry.initializers,
    registry.regularizers,
    registry.constraints,
    registry.optimizers,
    registry.schedules,
    registry.losses,
    registry.metrics,
)
_NOTHING = object()
_ENTRY_KEYS = ("name", "inbound_nodes", "shared_object_id")
MODEL_CLASSES = frozenset({"Functional", "Model", "Sequential"})
_WRAPPED = ("layer", "forward_layer", "backward_layer", "cell", "cells", "layers")


def write_object(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"class_name", "config"}` (plus a layer's name and nodes) in the form of a file."""
    if is_operation(item):
        return dict(item)
    name = item.get("registered_name") or item["class_name"]
    class_name = name.rsplit(">", 1)[-1] if name.startswith("keras") else name
    class_name = CLASS_NAMES.get(class_name, class_name)
    config = item.get("config")
    entry: dict[str, Any] = {"class_name": class_name, "config": config}
    if isinstance(config, Mapping):
        is_model = "layers" in config and class_name != "Pipeline"
        entry["config"] = write_model(config) if is_model else write_config(class_name, config)
    for key in _ENTRY_KEYS if "inbound_nodes" in item or class_name in MODEL_CLASSES else ():
        if key in item:
            entry[key] = item[key]
    return entry


def write_wrapped(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a wrapper's inner layer or model: Keras 3 looks it up by `module`, unlike the layers of a model."""
    custom = item.get("registered_name")
    custom = None if custom == "Functional" else custom
    written = write_object(item)
    module = "keras" if written["class_name"] in MODEL_CLASSES else "keras.layers"
    if written["class_name"] == "Functional":
        # The name that both later generations find in `keras`.
        written["class_name"] = "Model"
    return {"module": None if custom else module, **written, "registered_name": custom}


def write_config(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return one layer's, initializer's or optimizer's config in the form of a file."""
    return {key: _write_value(key, value) for key, value in own_keys(class_name, config).items()}


def own_keys(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with the keys that every generation knows; what is nested in it stays as it is."""
    if find_class(class_name) is None:
        return dict(config)
    written: dict[str, Any] = {}
    for key, value in config.items():
        if _is_superfluous(class_name, key, value) or (key in _FOLLOWING and value == config.get(_FOLLOWING[key])):
            continue
        if config.get(OVERRULED.get((class_name, key), "")) is not None:
            value = None
        if key == "dtype":
            value = dtype_name(value)
        elif class_name == "BatchNormalization" and key == "axis" and isinstance(value, (list, tuple)):
            value = value[0] if len(value) == 1 else list(value)
        written[RENAMED.get((class_name, key), key)] = value
    return written


def _is_superfluous(class_name: str, key: str, value: Any) -> bool:
    if key == "batch_input_shape":
        # A Sequential model's shape stands in its InputLayer; Keras 3 would take this one for a shape without batch.
        return class_name != "InputLayer"
    common = key in DEFAULTS and value == DEFAULTS[key] and (class_name, key) not in _OTHER_DEFAULTS
    return common or CLASS_DEFAULTS.get((class_name, key), _NOTHING) == value


def find_class(name: str, argument: str = "") -> type | None:
    """Return the built-in class of that name in any family, or None; registered names (`package>name`) are custom.

    `argument` is what the object is given to: `Identity` is an initializer as well as a layer.
    """
    name = name.removeprefix("Custom>").removeprefix("keras>")
    for family in (registry.initializers, *_FAMILIES) if argument.endswith("_initializer") else _FAMILIES:
        found = family.objects.get(name)
        if inspect.isclass(found):
            return found
    return None


def for_keras_2(item: Any) -> Any:
    """Return a written config with the names that multi-backend Keras 2 knows; later versions read them as well."""
    if isinstance(item, list):
        return [for_keras_2(part) for part in item]
    if not isinstance(item, Mapping):
        return item
    item = {key: for_keras_2(value) for key, value in item.items()}
    if item.get("class_name") == "Functional":
        item["class_name"] = "Model"
    scaling = _SCALINGS.get(item.get("class_name", "")) if isinstance(item.get("class_name"), str) else None
    if scaling is not None and isinstance(item.get("config"), dict):
        scale, mode, distribution = scaling
        config = {"scale": scale, "mode": mode, "distribution": distribution, "seed": None, **item["config"]}
        item.update(class_name="VarianceScaling", config=config)
    elif item.get("class_name") in ("L1", "L2") and isinstance(item.get("config"), dict):
        item.update(class_name="L1L2", config={"l1": 0.0, "l2": 0.0, **item["config"]})
    elif item.get("class_name") == "ConvLSTM2D" and isinstance(item.get("config"), dict):
        # It had a dropout mask per gate, and no choice.
        item["config"].pop("implementation", None)
    return item


def needs_keras_3(item: Any) -> bool:
    """Whether a written config holds a class or operation, or an argument of MultiHeadAttention, of Keras 3 alone."""
    if isinstance(item, Mapping):
        if item.get("class_name") == "MultiHeadAttention" and {"sliding_window", "use_gate"} & set(item["config"]):
            return True
        if str(item.get("module")).startswith("keras.src.ops."):
            return True
        return item.get("class_name") in _ONLY_KERAS_3 or any(needs_keras_3(part) for part in item.values())
    return isinstance(item, list) and any(needs_keras_3(part) for part in item)


def for_keras_3(item: Any) -> Any:
    """Return a written config with calls as Keras 3 writes them, where it could not read them in the older form.

    That is tensors among the keyword arguments; and Keras 2.15 does not read those of Keras 3.
    """
    if isinstance(item, list):
        return [for_keras_3(part) for part in item]
    if not isinstance(item, Mapping):
        return item
    item = {key: value if key == "inbound_nodes" else for_keras_3(value) for key, value in item.items()}
    if isinstance(item.get("inbound_nodes"), list):
        item["inbound_nodes"] = [_node_of_keras_3(node) for node in item["inbound_nodes"]]
    return item


def warn_of_own_functions(item: Any, stacklevel: int = 4) -> None:
    """Warn if a written config holds functions of torch, which Keras does not read."""
    found = _own_functions(item)
    if found:
        warnings.warn(
            f"Keras cannot read this model, only keras_torch can: it has no counterpart of {', '.join(sorted(found))}. "
            "Put the function into a layer of your own if Keras is to read it.",
            stacklevel=stacklevel,
        )


def _own_functions(item: Any) -> set[str]:
    if isinstance(item, Mapping):
        if item.get("class_name") == "TorchFunction":
            return {f"`{item['config']['function']}`"}
        return set().union(*map(_own_functions, item.values()))
    return set().union(*map(_own_functions, item)) if isinstance(item, (list, tuple)) else set()


def _node_of_keras_3(node: Any) -> Any:
    kwargs: Any
    if isinstance(node, Mapping) and node and all(is_reference(item) for item in node.values()):
        kwargs = next((item[3] for item in node.values() if len(item) > 3), {})
        first = {key: _keras_tensor(item[:3]) for key, item in node.items()}
        return {"args": [first], "kwargs": _keras_tensors(kwargs)}
    if not isinstance(node, list) or not node or not all(is_reference(item) for item in node):
        return node
    kwargs = next((item[3] for item in node if len(item) > 3), {})
    if not _has_reference(kwargs):
        return node
    inputs = [_keras_tensor(item[:3]) for item in node]
    return {"args": [inputs[0] if len(inputs) == 1 else inputs], "kwargs": _keras_tensors(kwargs)}


def _has_reference(value: Any) -> bool:
    if is_reference(value):
        return True
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return any(_has_reference(part) for part in parts)


def _keras_tensors(value: Any) -> Any:
    if is_reference(value):
        return _keras_tensor(value)
    if isinstance(value, Mapping):
        return {key: _keras_tensors(part) for key, part in value.items()}
    return [_keras_tensors(part) for part in value] if isinstance(value, (list, tuple)) else value


def _keras_tensor(reference: Any) -> dict[str, Any]:
    """Return a tensor by its place in the graph: Keras looks it up there, and its shape and type with it."""
    inner = {"shape": [], "dtype": "float32", "keras_history": list(reference[:3])}
    return {"class_name": "__keras_tensor__", "config": inner}


def _write_value(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get("class_name") == "function":
            return registry.function_name(value)
        if "class_name" in value and "config" in value:
            return write_wrapped(value) if key in _WRAPPED else write_object(value)
        return {name: _write_value(name, item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_write_value(key, item) for item in value]
    return value


def dtype_name(value: Any) -> Any:
    """Return the name in a dtype policy object; anything else unchanged."""
    if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
        return value["config"].get("name", value)
    return value


def write_model(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a Sequential or functional model in the form of a file."""
    written = {key: copy.deepcopy(value) for key, value in config.items() if key not in ("layers", "dtype")}
    written["layers"] = [write_object(layer) for layer in config["layers"]]
    if "input_layers" in written:
        repeat_calls_of_nested_models(written)
        leave_out_names_of_operations(written)
    return written


def leave_out_names_of_operations(config: dict[str, Any]) -> None:
    """Take the names out of the arguments of Operations, which before Keras 3.11 know no such argument.

    Keras then numbers each class anew. An output keeps its name, by which it has losses; and so does a class if what
    is named like it might get a name twice. The layers that tf.keras has for functions know their names.
    """
    outputs = _layers_in(config["output_layers"])
    kept = {
        layer["name"].rstrip("0123456789").rstrip("_")
        for layer in config["layers"]
        if layer["name"] in outputs or not is_operation(layer)
    }
    for layer in config["layers"]:
        if layer["class_name"] in TENSORFLOW_CLASSES:
            continue
        if is_operation(layer) and snake_case(layer["class_name"]) not in kept:
            layer["config"] = {key: value for key, value in layer["config"].items() if key != "name"}


def _layers_in(structure: Any) -> set[str]:
    """Return the names of the layers that a structure of `[layer name, node index, tensor index]` refers to."""
    found: set[str] = set()

    def note(name: str, index: int) -> int:
        found.add(name)
        return index

    renumber(structure, note)
    return found


def repeat_calls_of_nested_models(config: dict[str, Any]) -> None:
    """Let each call of a nested model stand twice, and refer to the odd index.

    Keras 2 counts the calls of a nested model from 1, Keras 3 from 0. With every call repeated, the index 2k + 1 is a
    repetition of call k in both; the other repetition leads nowhere and is dropped when the graph is built.
    """
    nested = {layer["name"] for layer in config["layers"] if layer["class_name"] in MODEL_CLASSES}

    def change(name: str, index: int) -> int:
        return 2 * index + 1 if name in nested else index

    for layer in config["layers"]:
        nodes = renumber(layer["inbound_nodes"], change)
        layer["inbound_nodes"] = [node for node in nodes for _ in range(2)] if layer["name"] in nested else nodes
    config["output_layers"] = renumber(config["output_layers"], change)


def renumber(value: Any, change: Any) -> Any:
    """Apply `change(layer name, node index)` to every `[layer, node, tensor, ...]` inside `value`."""
    if isinstance(value, (list, tuple)):
        if is_reference(value):
            rest = [renumber(item, change) for item in value[3:]]
            return [value[0], change(value[0], value[1]), value[2], *rest]
        return [renumber(item, change) for item in value]
    if isinstance(value, Mapping):
        return {key: renumber(item, change) for key, item in value.items()}
    return value


def is_reference(value: Any) -> bool:
    """Whether `value` is `[layer name, node index, tensor index]` with or without keyword arguments."""
    return (
        isinstance(value, (list, tuple))
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(number, int) and not isinstance(number, bool) for number in value[1:3])
        and (len(value) == 3 or isinstance(value[3], Mapping))
    )
