"""What TensorFlow has and this stand-in has not, each with what to use."""

from __future__ import annotations

from typing import Any

from keras_torch.errors import suggest

_ESTIMATORS = "Estimators ended with TensorFlow 2.15: compile a Keras model and call `fit`, `evaluate` and `predict`."
_GRAPHS = "There is no graph of TensorFlow: tensors have values, and models run directly."
# Path, or `family.*` → what to use.
FUNCTIONS: dict[str, str] = {
    "contrib.*": "`tf.contrib` ended with TensorFlow 1: use the layer, loss or optimizer of Keras, or torch.",
    "data.*": "Feed arrays, tensors, a generator, a `keras.utils.Sequence` or a torch `DataLoader` to `fit`.",
    "distribute.TPUStrategy": "There are no TPUs: leave the strategy out.",
    "distribute.cluster_resolver.*": "There are no TPUs: leave the cluster out.",
    "distribute.experimental.*": "Run `keras-torch run --gpus N script.py` for several GPUs (torch.distributed).",
    "estimator.*": _ESTIMATORS,
    "feature_column.*": "Use `keras.layers.Normalization`, `StringLookup`, `CategoryEncoding` and `Discretization`.",
    "get_collection": f"{_GRAPHS} Use `model.trainable_variables`, `model.losses` or `model.updates`.",
    "layers.*": "It makes new weights at each call: make a layer of `keras.layers` once, and call it.",
    "lite.*": "Export with `model.export(path, format='onnx')`, or use torch.ao.quantization.",
    "lookup.*": "Use `keras.layers.StringLookup` or `keras.layers.IntegerLookup`, or a dict of Python.",
    "metrics.*": "Use the classes of `keras.metrics`.",
    "python.*": "It is inside TensorFlow: use what `tf`, `tf.keras` or torch offer.",
    "quantization.*": "Use torch.ao.quantization.",
    "ragged.*": "Torch layers take no ragged tensors: pad with `to_tensor()`, and mask.",
    "RaggedTensorSpec": "Torch layers take no ragged tensors: pad with `to_tensor()`, and mask.",
    "raw_ops.*": "Use the function of `tf`, `keras.ops` or torch.",
    "saved_model.*": "Use `model.save`, `keras.models.load_model` and `model.export`.",
    "summary.merge_all": f"{_GRAPHS} Use the callback TensorBoard, or `tf.summary.create_file_writer`.",
    "summary.merge": f"{_GRAPHS} Use the callback TensorBoard, or `tf.summary.create_file_writer`.",
    "tpu.*": "There are no TPUs.",
    "train.import_meta_graph": f"{_GRAPHS} Build the model in code and load its weights.",
}
# Classes that packages name where they define functions or ask `isinstance`: they exist, and cannot be made.
_CLASSES = {
    "": "Operation",
    "distribute": "DistributedDataset DistributedIterator DistributedValues ParameterServerStrategy TPUStrategy",
    "distribute.experimental": "TPUStrategy ParameterServerStrategy",
    "distribute.experimental.coordinator": "ClusterCoordinator",
    "saved_model": "LoadOptions SaveOptions",
    "tpu.experimental": "DeviceAssignment HardwareFeature TPUSystemMetadata Topology",
    "tpu.experimental.HardwareFeature": "EmbeddingFeature",
    "tpu.experimental.HardwareFeature.EmbeddingFeature": "UNSUPPORTED V1 V2",
    "tpu.experimental.embedding": """
        Adagrad AdagradMomentum Adam CustomOptimizer FTRL FeatureConfig QuantizationConfig SGD TPUEmbedding
        TPUEmbeddingForServing TPUEmbeddingV0 TableConfig
    """,
    "train": "CheckpointOptions",
    "types.experimental": "AtomicFunction Callable ConcreteFunction FunctionType PolymorphicFunction TraceType",
}


def refused_class(path: str) -> type:
    """Return a class of TensorFlow that no object here is of; AttributeError, with what to use, on making one."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        raise AttributeError(text(path, path))

    return type(
        path.rpartition(".")[2], (), {"__init__": refuse, "__module__": f"tensorflow.{path.rpartition('.')[0]}"}
    )


def text(path: str, short: str) -> str:
    """Return the message for a name that is not here; `path` is what was asked for, `short` without `compat.v1`."""
    parts = short.split(".")
    families = [f"{'.'.join(parts[:end])}.*" for end in range(len(parts), 0, -1)]
    way = next((FUNCTIONS[key] for key in (short, *families) if key in FUNCTIONS), None)
    if way is None:
        from keras_torch.dropin.tensorflow import table

        hint = suggest(short, [*table.NAMES, *table.VERSION_1])
        way = f"Use `keras.ops`, `keras.backend` or torch; they work on Keras tensors too.{hint}"
    return f"`tensorflow.{path}` is not available without TensorFlow. {way}"


def _refused_classes() -> dict[str, type]:
    paths = [f"{family}.{name}".strip(".") for family, names in _CLASSES.items() for name in names.split()]
    found = {path: refused_class(path) for path in paths}
    for path, cls in found.items():
        owner, _, name = path.rpartition(".")
        if owner in found:
            setattr(found[owner], name, cls)
    return found


NAMES = _refused_classes()
