"""Structures that only Keras 1 wrote (1.0 to 1.2.2), brought into a form that the rest of the reader knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch.errors import FileFormatError

# The mode of the layer that merged in several ways → the layer of today.
_MERGE_MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}
# Keras 1 forgot to write the `dim_ordering` of these.
_WITHOUT_DIM_ORDERING = frozenset(
    {"Cropping2D", "Cropping3D", "UpSampling2D", "UpSampling3D", "ZeroPadding2D", "ZeroPadding3D"}
)
_INPUT_KEYS = ("batch_input_shape", "input_dtype")


def with_dim_ordering(layers: list[Any]) -> list[Any]:
    """Add `dim_ordering`, if all layers that state it agree, to those whose `get_config` left it out."""
    stated = {layer["config"].get("dim_ordering") for layer in layers if isinstance(layer.get("config"), Mapping)}
    stated.discard(None)
    if len(stated) != 1:
        return layers
    ordering = stated.pop()
    return [
        {**layer, "config": {"dim_ordering": ordering, **layer["config"]}}
        if layer.get("class_name") in _WITHOUT_DIM_ORDERING and isinstance(layer.get("config"), Mapping)
        else layer
        for layer in layers
    ]


def merge_layer(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return today's class and config of a Merge layer; one with a function of its own is a Lambda."""
    mode = config.get("mode")
    result: dict[str, Any] = {"name": config.get("name")}
    if config.get("mode_type") in ("lambda", "function"):
        result.update(function=mode, function_type=config["mode_type"])
        for key in ("output_shape", "output_shape_type", "arguments"):
            result[key] = config.get(key)
        if config.get("output_mask") is not None:
            result.update(mask=config["output_mask"], mask_type=config.get("output_mask_type"))
        return "Lambda", result
    if not isinstance(mode, str) or mode not in _MERGE_MODES:
        raise FileFormatError(
            f"Layer {config.get('name')!r}: a Merge layer of mode {mode!r} cannot be read; known are "
            f"{sorted(_MERGE_MODES)} and functions. Rebuild it with a Lambda layer and load the weights with "
            "`load_weights`."
        )
    if mode == "concat":
        result["axis"] = config.get("concat_axis", -1)
    elif mode in ("dot", "cos"):
        axes = config.get("dot_axes", -1)
        result["axes"] = (
            [axis[0] if isinstance(axis, list) else axis for axis in axes] if isinstance(axes, list) else axes
        )
        result["normalize"] = mode == "cos"
    return _MERGE_MODES[mode], result


def begins_with_merge(layers: Any) -> bool:
    """Whether a Sequential model's first layer merges models that it holds itself."""
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], Mapping):
        return False
    config = layers[0].get("config")
    if layers[0].get("class_name") == "Sequential":
        return begins_with_merge(_layers_of(layers[0]))
    return (
        layers[0].get("class_name") == "Merge"
        and isinstance(config, Mapping)
        and isinstance(config.get("layers"), list)
        and bool(config["layers"])
    )


def merged_sequential(layers: list[Any]) -> dict[str, Any]:
    """Return such a model as a functional one. Its branches are laid out flat, as its weights are in files."""
    graph = _Graph()
    end = graph.chain(layers, None)
    return {
        "name": None,
        "layers": list(graph.layers.values()),
        "input_layers": graph.inputs,
        "output_layers": [end],
    }


def _layers_of(item: Mapping[str, Any]) -> Any:
    """Return the layers of a Sequential model, whose config was a list, and later a dict."""
    config = item.get("config")
    return config.get("layers") if isinstance(config, Mapping) else config


class _Graph:
    """A functional model's config in the making; a reference is `[layer, call, output]`."""

    def __init__(self) -> None:
        self.layers: dict[str, dict[str, Any]] = {}
        self.inputs: list[list[Any]] = []

    def chain(self, layers: Any, source: list[Any] | None) -> list[Any]:
        """Add layers one after the other; without `source` the first brings its own inputs."""
        if not isinstance(layers, list) or not layers:
            raise FileFormatError(f"A Sequential model inside a Merge layer must hold layers. Received: {layers!r}")
        for item in layers:
            if not isinstance(item, Mapping) or not isinstance(item.get("config"), (Mapping, list)):
                raise FileFormatError("A layer of a model must be an object with the keys `class_name` and `config`.")
            source = self._add(item, source)
        return source  # type: ignore[return-value]

    def _add(self, item: Mapping[str, Any], source: list[Any] | None) -> list[Any]:
        config = item["config"]
        if item.get("class_name") == "Sequential":
            return self.chain(_layers_of(item), source)
        name = config.get("name") if isinstance(config, Mapping) else None
        if not isinstance(name, str):
            raise FileFormatError(f"A layer of class {item.get('class_name')!r} inside a Merge layer has no name.")
        if source is None and item.get("class_name") == "Merge":
            sources = [self._add(branch, None) for branch in config.get("layers", [])]
            config = {key: value for key, value in config.items() if key != "layers"}
            return self._call(name, {**item, "config": config}, sources)
        if source is None:
            source = self._input(name, item)
            if item.get("class_name") == "InputLayer":
                return source
        return self._call(name, item, [source])

    def _input(self, name: str, item: Mapping[str, Any]) -> list[Any]:
        """Return the input that a branch's first layer implies."""
        config = item["config"]
        if item.get("class_name") != "InputLayer":
            name += "_input"
        shape = config
        if isinstance(config.get("layers"), list):
            shape = next((part["config"] for part in config["layers"] if part.get("class_name") == "InputLayer"), {})
        if "batch_shape" in shape:
            shape = {**shape, "batch_input_shape": shape["batch_shape"]}
        if "batch_input_shape" not in shape:
            raise FileFormatError(
                f"Layer {config['name']!r} begins a branch of a Merge layer and states no input shape."
            )
        if name not in self.layers:
            described = {"name": name, **{key: shape[key] for key in _INPUT_KEYS if key in shape}}
            self.layers[name] = {"name": name, "class_name": "InputLayer", "config": described, "inbound_nodes": []}
            self.inputs.append([name, 0, 0])
        return [name, 0, 0]

    def _call(self, name: str, item: Mapping[str, Any], sources: list[list[Any]]) -> list[Any]:
        """Add a call of a layer, which may occur in several branches; calls of nested models are counted from 1."""
        layer = self.layers.setdefault(name, {**item, "name": name, "inbound_nodes": []})
        if sources not in layer["inbound_nodes"]:
            layer["inbound_nodes"].append(sources)
        first = int(isinstance(item["config"].get("layers"), list))
        return [name, layer["inbound_nodes"].index(sources) + first, 0]
