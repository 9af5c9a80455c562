"""Layers that are windows to TensorFlow or JAX, and so cannot exist here: constructing one says what to use instead."""

from __future__ import annotations

from keras_torch.engine import Layer
from keras_torch.errors import NeedsAnotherBackend


class Unavailable(NeedsAnotherBackend, Layer):
    """Base of such layers."""


class DenseFeatures(Unavailable):
    """Keras 2's layer of `tf.feature_column`s."""

    needs = "TensorFlow's feature columns"
    instead = (
        "Use the preprocessing layers (Normalization, Discretization, CategoryEncoding, Hashing, StringLookup) on "
        "one Input for each feature, and Concatenate."
    )


class FlaxLayer(Unavailable):
    """Keras 3's wrapper of a Flax module."""

    needs = "JAX and Flax"
    instead = "Write the module with torch and use it as a layer, or wrap it in TorchModuleWrapper."


class JaxLayer(Unavailable):
    """Keras 3's wrapper of a JAX function."""

    needs = "JAX"
    instead = "Write the function with torch and use it in a Lambda or a Layer."


class TFSMLayer(Unavailable):
    """Keras 3's wrapper of a TensorFlow SavedModel."""

    needs = "TensorFlow, to run a SavedModel"
    instead = "Save the model with Keras as a `.keras` or `.h5` file and load it with `load_model`."
