"""Module paths that Keras used over the years → the module of keras_torch that holds their names today.

A path that is not listed maps to the module of the same name, if there is one.
"""

from __future__ import annotations

# Longest first: the rest behind the prefix is what the table below lists.
PREFIXES = (
    "tensorflow.contrib.keras.api.keras",
    "tensorflow.python.keras.api",
    "tensorflow.compat.v1.keras",
    "tensorflow.compat.v2.keras",
    "tensorflow.contrib.keras",
    "tensorflow.python.keras",
    "tensorflow.keras",
    "tf_keras.src",
    "tf_keras",
    "keras_core.src",
    "keras_core",
    "keras.api",
    "keras.src",
    "keras",
)

# Packages of their own that Keras took parts of itself from; pickled Tokenizers name the former.
PARTS = {"keras_preprocessing": "preprocessing", "keras_applications": "applications"}

# Packages that held names of several of ours, and had no names of their own.
JOINED = {
    "__internal__": ("symbolic",),
    "__internal__.layers": ("dropin.old_layers", "layers"),
    "engine.base_layer_utils": ("dropin.old_engine",),
    "engine": ("engine", "models", "layers"),
    "engine.base_layer": ("engine", "engine.base_layer", "symbolic", "dropin.old_engine", "dropin.old_layers"),
    "engine.topology": ("engine", "models", "layers", "symbolic", "utils", "saving", "dropin.old_engine"),
    "engine.saving": ("saving", "dropin.old_engine"),
    "backend.tensorflow_backend": ("backend", "dropin.old_backend"),
    "legacy.backend": ("backend", "dropin.old_backend"),
    "layers.convolutional": ("layers", "dropin.old_layers"),
    "layers.convolutional.base_conv": ("dropin.old_layers",),
    "layers.convolutional.base_depthwise_conv": ("dropin.old_layers",),
    "layers.pooling": ("layers", "dropin.old_layers"),
    "layers.pooling.base_global_pooling1d": ("dropin.old_layers",),
    "layers.pooling.base_global_pooling2d": ("dropin.old_layers",),
    "layers.pooling.base_global_pooling3d": ("dropin.old_layers",),
    "layers.recurrent": ("layers", "dropin.old_layers"),
    "layers.recurrent_v2": ("layers", "dropin.old_layers"),
    "layers.rnn.dropout_rnn_cell": ("dropin.old_layers",),
    "layers.rnn.dropout_rnn_cell_mixin": ("dropin.old_layers",),
    "engine.training": ("models", "training", "utils.generic_utils", "dropin.old_engine", "dropin.old_training"),
    "engine.training_utils": ("training", "dropin.old_training"),
}

# Behind the prefix → behind "keras_torch". A row comes before a module of ours of the same path: the old modules held
# more names than ours, and the package `layers` holds them all.
MOVED = {
    "applications.mobilenetv2": "applications.mobilenet_v2",
    "backend.common": "backend",
    "backend.load_backend": "backend",
    "backend.theano_backend": "backend",
    "backend.cntk_backend": "backend",
    "backend_config": "backend",
    "callbacks.callbacks": "callbacks",
    "callbacks.experimental": "callbacks",
    "callbacks.tensorboard_v1": "callbacks",
    "callbacks.tensorboard_v2": "callbacks",
    "callbacks_v1": "callbacks",
    "datasets.data_utils": "utils.data_utils",
    "engine.base_layer_v1": "engine",
    "engine.compile_utils": "training",
    "engine.functional": "models",
    "engine.keras_tensor": "symbolic",
    "engine.network": "dropin.old_engine",
    "engine.node": "symbolic",
    "engine.sequential": "models",
    "engine.training_arrays": "training",
    "engine.training_generator": "training",
    "engine.training_v1": "models",
    "initializations": "initializers.initializations",
    "initializers.initializers": "initializers",
    "initializers.initializers_v1": "initializers",
    "initializers.initializers_v2": "initializers",
    "layers.activation": "layers",
    "layers.advanced_activations": "layers",
    "layers.attention": "layers",
    "layers.convolutional_recurrent": "layers",
    "layers.core": "layers",
    "layers.cudnn_recurrent": "layers",
    "layers.dense_attention": "layers",
    "layers.embeddings": "layers",
    "layers.experimental": "layers",
    "layers.experimental.preprocessing": "layers",
    "layers.local": "layers",
    "layers.merge": "layers",
    "layers.merging": "layers",
    "layers.noise": "layers",
    "layers.normalization": "layers",
    "layers.normalization.batch_normalization": "layers",
    "layers.normalization.layer_normalization": "layers",
    "layers.preprocessing": "layers",
    "layers.preprocessing.image_preprocessing": "layers",
    "layers.regularization": "layers",
    "layers.reshaping": "layers",
    "layers.rnn": "layers",
    "layers.wrappers": "layers",
    "legacy.layers": "layers",
    "legacy.models": "models",
    "metrics.metrics": "metrics",
    "models.functional": "models",
    "models.model": "models",
    "models.sequential": "models",
    "objectives": "losses",
    "optimizer_v1": "optimizers",
    "optimizer_v2": "optimizers",
    "optimizers.learning_rate_schedule": "optimizers.schedules",
    "backend.experimental": "experimental",
    "dtensor.experimental": "experimental",
    "dtensor.experimental.optimizers": "optimizers",
    "estimator": "experimental",
    "metrics.experimental": "metrics",
    "models.experimental": "experimental",
    "utils.experimental": "experimental",
    "optimizers.experimental": "optimizers",
    "optimizers.optimizer_v2": "optimizers",
    "saving.hdf5_format": "saving",
    "saving.saving_api": "saving",
    "saving.saving_lib": "saving",
    "saving.model_config": "saving",
    "utils.audio_dataset_utils": "utils.audio_dataset",
    "utils.image_dataset_utils": "utils.image_dataset",
    "utils.image_utils": "utils.images",
    "utils.legacy": "legacy.saving",
    "utils.losses_utils": "losses",
    "utils.multi_gpu_utils": "utils",
    "utils.test_utils": "dropin.test_utils",
    "utils.tf_utils": "utils",
    "utils.training_utils": "utils",
    "utils.model_visualization": "utils.vis_utils",
    "utils.visualize_util": "utils.vis_utils",
}

# The files of keras_preprocessing.
for _file in (
    "affine_transformations",
    "dataframe_iterator",
    "directory_iterator",
    "image_data_generator",
    "numpy_array_iterator",
    "utils",
):
    MOVED[f"preprocessing.image.{_file}"] = "preprocessing.image"

# Keras 3's functions on tensors, each backend's.
for _backend in ("tensorflow", "torch"):
    MOVED |= {f"backend.{_backend}{part}": "ops" for part in ("", ".core", ".math", ".nn", ".numpy")}
    MOVED[f"backend.{_backend}.random"] = "random"


def split(name: str) -> str | None:
    """Return what stands behind the Keras prefix in a dotted module name ("" for the root), or None."""
    root, dot, rest = name.partition(".")
    if root in PARTS:
        return f"{PARTS[root]}{dot}{rest}"
    for prefix in PREFIXES:
        if name == prefix:
            return ""
        if name.startswith(prefix + "."):
            return name[len(prefix) + 1 :]
    return None
