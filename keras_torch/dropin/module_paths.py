"""Module paths that Keras used over the years → the module of keras_torch that holds their names today.

A path that is not listed maps to the module of the same name, if there is one.
"""

from __future__ import annotations

from keras_torch.dropin.files_of_keras import FILES

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
    "engine.data_adapter": ("dropin.inner_names",),
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
    "optimizer_v2": ("dropin.optimizer_v2", "optimizers"),
    "optimizer_v2.optimizer_v2": ("dropin.inner_names",),
    "optimizers.base_optimizer": ("dropin.inner_names",),
    "optimizers.legacy.optimizer_v2": ("dropin.inner_names",),
    "optimizers.optimizer_v2": ("dropin.optimizer_v2", "optimizers"),
    "trainers": (),
    "trainers.data_adapters": ("dropin.inner_names",),
    "trainers.data_adapters.data_adapter_utils": ("dropin.inner_names",),
    "utils.backend_utils": ("dropin.inner_names",),
}

# Behind the prefix → behind "keras_torch". A row comes before a module of ours of the same path: the old modules held
# more names than ours, and the package `layers` holds them all.
MOVED = {
    "applications.mobilenetv2": "applications.mobilenet_v2",
    "backend.common": "backend",
    "backend.common.keras_tensor": "symbolic",
    "backend.config": "config",
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
    "distribution.distribution_lib": "distribution",
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
    "legacy.losses": "losses",
    "legacy.models": "models",
    "legacy.preprocessing": "preprocessing",
    "legacy.preprocessing.image": "preprocessing.image",
    "legacy.preprocessing.sequence": "preprocessing.sequence",
    "legacy.preprocessing.text": "preprocessing.text",
    "metrics.metrics": "metrics",
    "mixed_precision.experimental": "mixed_precision",
    "mixed_precision.experimental.loss_scale_optimizer": "mixed_precision",
    "mixed_precision.experimental.policy": "mixed_precision",
    "models.functional": "models",
    "models.model": "models",
    "models.sequential": "models",
    "objectives": "losses",
    "optimizer_v1": "optimizers",
    "optimizers.learning_rate_schedule": "optimizers.schedules",
    "backend.experimental": "experimental",
    "dtensor.experimental": "experimental",
    "dtensor.experimental.optimizers": "optimizers",
    "estimator": "experimental",
    "metrics.experimental": "metrics",
    "models.experimental": "experimental",
    "utils.experimental": "experimental",
    "optimizers.experimental": "optimizers",
    "saving.hdf5_format": "saving",
    "saving.saving_api": "saving",
    "saving.saving_lib": "saving",
    "saving.model_config": "saving",
    "saving.legacy": "saving",
    "saving.legacy.hdf5_format": "saving",
    "saving.legacy.model_config": "saving",
    "saving.legacy.save": "saving",
    "saving.legacy.serialization": "utils",
    "tree.tree_api": "tree",
    "utils.audio_dataset_utils": "utils.audio_dataset",
    "utils.image_dataset_utils": "utils.image_dataset",
    "utils.image_utils": "utils.images",
    "utils.legacy": "legacy.saving",
    "utils.numerical_utils": "utils.numerical",
    "utils.rng_utils": "utils.seeds",
    "utils.summary_utils": "utils.summary",
    "utils.text_dataset_utils": "utils.text_dataset",
    "utils.timeseries_dataset_utils": "utils.timeseries_dataset",
    "utils.traceback_utils": "config",
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

MOVED |= FILES

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
