"""Exporting models for inference elsewhere: `model.export` does it; what only TensorFlow has says so."""

from __future__ import annotations

from keras_torch.errors import NeedsAnotherBackend


class ExportArchive(NeedsAnotherBackend):
    """Keras's writer of TensorFlow SavedModels with several endpoints."""

    needs = "TensorFlow, to write a SavedModel"
    instead = (
        "Use `model.export('model.pt2')`, which writes a program of torch.export, or `model.export('model.onnx')`."
    )


__all__ = ["ExportArchive"]
