"""Embeddings for TensorBoard's projector."""

from __future__ import annotations

import os
from typing import Any

import torch

from keras_torch import config
from keras_torch.callbacks.layer_outputs import layer_outputs
from keras_torch.layers.embeddings import Embedding


class Projector:
    """What TensorBoard(embeddings_...=) asks for: every `freq` epochs, points with the labels of a file."""

    def __init__(self, freq: int, layer_names: Any, metadata: Any, data: Any) -> None:
        self.freq = freq
        self.layer_names = layer_names
        self.metadata = metadata
        self.data = data

    def check(self, model: Any) -> None:
        """Raise ValueError if the model has not got a layer that is named, or data is missing."""
        if not self.freq:
            return
        if config.dialect() == "2" and self.data is None:
            raise ValueError(
                "TensorBoard(embeddings_freq=...) shows the outputs of layers for `embeddings_data`. Received: "
                f"embeddings_freq={self.freq} and embeddings_data=None"
            )
        known = [layer.name for layer in model.layers]
        for argument, value in (
            ("embeddings_layer_names", self.layer_names),
            ("embeddings_metadata", None if isinstance(self.metadata, (str, os.PathLike)) else self.metadata),
        ):
            unknown = [name for name in value or () if name not in known]
            if unknown:
                raise ValueError(
                    f"`{argument}` of TensorBoard names a layer that the model has not got. Received: {unknown[0]!r}; "
                    f"the model has: {', '.join(known)}"
                )

    def write(self, model: Any, writer: Any, epoch: int, batch_size: int) -> None:
        """Write the points if this epoch is one of those."""
        if not self.freq or epoch % self.freq:
            return
        for layer, points in self._points(model, batch_size).items():
            labels, header = self._labels(layer, len(points), writer.log_dir)
            writer.add_embedding(points, labels, global_step=epoch, tag=layer, metadata_header=header)

    def _points(self, model: Any, batch_size: int) -> dict[str, torch.Tensor]:
        names = self.layer_names
        layers = [layer for layer in model.layers if (layer.name in names if names else isinstance(layer, Embedding))]
        if self.data is not None:
            inputs = self.data if isinstance(self.data, (list, tuple)) else [self.data]
            found = layer_outputs(model, layers, inputs, batch_size)
            return {name: outputs[0].flatten(1) for name, outputs in found.items()}
        for layer in layers:
            if not isinstance(layer, Embedding):
                raise ValueError(
                    f"`embeddings_layer_names` of TensorBoard names {layer.name!r}, which is no Embedding: pass "
                    "`embeddings_data`, for which its outputs are to be shown. Received: embeddings_data=None"
                )
        return {layer.name: layer.embeddings.value.detach() for layer in layers}

    def _labels(self, layer: str, count: int, log_dir: str) -> tuple[Any, Any]:
        """Return labels, and the names of their columns if there are several; (None, None) without a file."""
        path = self.metadata if isinstance(self.metadata, (str, os.PathLike)) else (self.metadata or {}).get(layer)
        if path is None:
            return None, None
        places = [os.fspath(path), os.path.join(log_dir, path), os.path.join(os.path.dirname(log_dir), path)]
        found = next((place for place in places if os.path.isfile(place)), None)
        if found is None:
            raise ValueError(f"`embeddings_metadata` of TensorBoard must name files. There is no file {path!r}.")
        with open(found, encoding="utf-8") as file:
            lines = file.read().splitlines()
        header = lines.pop(0).split("\t") if len(lines) == count + 1 else None
        if len(lines) != count:
            raise ValueError(
                f"`embeddings_metadata` of TensorBoard must hold a label for each point, of which layer {layer!r} has "
                f"{count}. Received: {found!r} with {len(lines)} lines"
            )
        return ([line.split("\t") for line in lines], header) if header and len(header) > 1 else (lines, None)
