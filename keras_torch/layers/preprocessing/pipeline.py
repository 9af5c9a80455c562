"""Pipeline, a chain of preprocessing layers, and MaxNumBoundingBoxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import registry
from keras_torch.engine import Layer
from keras_torch.layers.preprocessing.image_layer import ImageLayer


class Pipeline(Layer):
    """Apply layers one after the other, to tensors or to dicts of them: a Sequential without weights of its own."""

    def __init__(self, layers: Sequence[Layer], name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, Layer) for layer in layers):
            raise ValueError(f"Layer {self.name!r}: `layers` must be a list of layers. Received: {layers!r}")
        self.layers = list(layers)

    def build(self, input_shape: Any) -> None:
        for layer in self.layers:
            if not layer.built:
                layer._build_once(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        for layer in self.layers:
            options = {"mask": mask} if mask is not None and layer._call_signature.takes_mask else {}
            outputs = layer(inputs, **options)
            mask = None if mask is None else layer.compute_mask(inputs, mask)
            inputs = outputs
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        for layer in self.layers:
            input_dtype = layer._symbolic_dtype(input_dtype)
        return str(input_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layers": [registry.layers.serialize(layer) for layer in self.layers]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make the layer and the layers in it. ValueError without a list of them."""
        if not isinstance(config.get("layers"), (list, tuple)):
            raise ValueError(
                "The config of a Pipeline must hold a list of the configs of its layers under 'layers'. "
                f"Received: {config!r}"
            )
        layers = [registry.layers.from_dict(item, custom_objects) for item in config["layers"]]
        return super().from_config({**config, "layers": layers}, custom_objects)


class MaxNumBoundingBoxes(ImageLayer):
    """Give every image exactly `max_number` bounding boxes: further ones are cut off, missing ones are `fill_value`."""

    _keeps_integers = True

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number = self._checked_size("max_number", max_number)
        self.fill_value = int(fill_value)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        return self._images(images)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        found = self._checked_boxes(bounding_boxes)
        boxes, labels = found["boxes"][:, : self.max_number], found["labels"][:, : self.max_number]
        missing = self.max_number - boxes.shape[1]
        return {
            **found,
            "boxes": F.pad(boxes, (0, 0, 0, missing), value=self.fill_value),
            "labels": F.pad(labels, (0, missing), value=self.fill_value),
        }

    def get_config(self) -> dict[str, Any]:
        settings = {"max_number": self.max_number}
        if self.fill_value != -1:
            # Keras 3 forgets to write it.
            settings["fill_value"] = self.fill_value
        return {**super().get_config(), **settings}
