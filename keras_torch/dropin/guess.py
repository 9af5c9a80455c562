"""Which Keras a script was written for, told by its imports and argument names."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

from keras_torch.dropin import source
from keras_torch.legacy import ROWS, upgrade_class_name

# Modules and names that only one generation had, as dotted prefixes of what a script imports or writes out.
KERAS_1 = (
    "keras.initializations",
    "keras.objectives",
    "keras.utils.visualize_util",
    "keras.layers.Merge",
    "keras.layers.merge",
    "keras.layers.MaxoutDense",
    "keras.layers.Highway",
    "keras.layers.TimeDistributedDense",
    "keras.regularizers.WeightRegularizer",
    "keras.backend.image_dim_ordering",
    "keras.backend.set_image_dim_ordering",
)
KERAS_2 = (
    "keras.backend.image_data_format",
    "keras.backend.set_image_data_format",
    "keras.initializers",
    "keras.layers.Add",
    "keras.layers.Concatenate",
    "keras.layers.CuDNNGRU",
    "keras.layers.CuDNNLSTM",
    "keras.layers.Multiply",
    "keras.layers.add",
    "keras.layers.average",
    "keras.layers.concatenate",
    "keras.layers.dot",
    "keras.layers.maximum",
    "keras.layers.multiply",
    "keras.losses",
    "keras.utils.multi_gpu_model",
    "keras.utils.plot_model",
    "keras.utils.to_categorical",
    "keras.utils.vis_utils",
)
KERAS_2_MODULE = "keras.layers.merge."  # a module in Keras 2, a function in Keras 1
# Names that Keras never had while it ran on several backends before its version 3.
KERAS_3 = (
    "keras.DTypePolicy",
    "keras.Function",
    "keras.KerasTensor",
    "keras.Layer",
    "keras.Loss",
    "keras.Metric",
    "keras.Optimizer",
    "keras.Variable",
    "keras.activations.gelu",
    "keras.activations.silu",
    "keras.activations.swish",
    "keras.applications.convnext",
    "keras.applications.efficientnet",
    "keras.applications.efficientnet_v2",
    "keras.callbacks.BackupAndRestore",
    "keras.config",
    "keras.distribution",
    "keras.dtype_policies",
    "keras.export",
    "keras.layers.AdditiveAttention",
    "keras.layers.Attention",
    "keras.layers.CategoryEncoding",
    "keras.layers.CenterCrop",
    "keras.layers.Conv1DTranspose",
    "keras.layers.Discretization",
    "keras.layers.EinsumDense",
    "keras.layers.GroupNormalization",
    "keras.layers.GroupQueryAttention",
    "keras.layers.HashedCrossing",
    "keras.layers.Hashing",
    "keras.layers.IntegerLookup",
    "keras.layers.LayerNormalization",
    "keras.layers.MultiHeadAttention",
    "keras.layers.Normalization",
    "keras.layers.RMSNormalization",
    "keras.layers.RandomBrightness",
    "keras.layers.RandomContrast",
    "keras.layers.RandomCrop",
    "keras.layers.RandomFlip",
    "keras.layers.RandomRotation",
    "keras.layers.RandomTranslation",
    "keras.layers.RandomZoom",
    "keras.layers.Rescaling",
    "keras.layers.Resizing",
    "keras.layers.SpectralNormalization",
    "keras.layers.StringLookup",
    "keras.layers.TextVectorization",
    "keras.layers.UnitNormalization",
    "keras.mixed_precision",
    "keras.ops",
    "keras.optimizers.AdamW",
    "keras.optimizers.Lion",
    "keras.optimizers.Muon",
    "keras.optimizers.schedules",
    "keras.quantizers",
    "keras.random",
    "keras.saving",
    "keras.tree",
    "keras.utils.PyDataset",
    "keras.utils.array_to_img",
    "keras.utils.audio_dataset_from_directory",
    "keras.utils.image_dataset_from_directory",
    "keras.utils.img_to_array",
    "keras.utils.load_img",
    "keras.utils.pad_sequences",
    "keras.utils.register_keras_serializable",
    "keras.utils.set_random_seed",
    "keras.utils.split_dataset",
    "keras.utils.text_dataset_from_directory",
    "keras.utils.timeseries_dataset_from_array",
    "keras.wrappers.SKLearnClassifier",
    "keras.wrappers.SKLearnRegressor",
)
# Names that Keras 3 has no more: beside those above they tell of Keras 2.4 to 2.15, which was tf.keras.
BEFORE_KERAS_3 = (
    "keras.engine",
    "keras.layers.core",
    "keras.layers.experimental",
    "keras.optimizers.legacy",
    "keras.preprocessing.image.ImageDataGenerator",
    "keras.preprocessing.text",
    "keras.utils.np_utils",
)
# What files of models end in since Keras 2.12; without a name before it, it is a folder's of all versions.
_ENDING = ".keras"


def guess_dialect(script: str | Path) -> str | None:
    """Return "1", "2", "tf" or "3" for a script and the modules beside it that it imports; None if nothing tells.

    Keras 2 took most of Keras 1's names and arguments as well: where both generations show, the one that shows more
    often wins, and Keras 2 in a tie.
    """
    path = Path(script)
    names: set[str] = set()
    calls = {"1": 0, "2": 0}
    new_files = False
    for _, tree in source.trees(path):
        names |= {name for name, _ in source.written_names(tree)}
        for call in ast.walk(tree):
            new_files = new_files or _names_new_file(call)
            generation = _generation(call) if isinstance(call, ast.Call) else None
            if generation is not None:
                calls[generation] += 1
    own = any(name == "keras" or name.startswith("keras.") for name in names)
    tensorflow = any(name.startswith(("tensorflow.keras", "tensorflow.python.keras", "tf_keras")) for name in names)
    if tensorflow or (not own and any(name.partition(".")[0] == "tensorflow" for name in names)):
        return "tf"
    if not own:
        return None
    plain = {name for name in names if not name.startswith(KERAS_2_MODULE)}
    first = calls["1"] + sum(_is_within(name, KERAS_1) for name in plain)
    second = calls["2"] + sum(_is_within(name, KERAS_2) for name in plain) + len(names - plain)
    if first > second:
        return "1"
    if not new_files and not any(_is_within(name, KERAS_3) for name in names):
        return "2"
    return "tf" if any(_is_within(name, BEFORE_KERAS_3) for name in names) else "3"


def _names_new_file(node: ast.AST) -> bool:
    """Whether a string, or one with values in it, is a path with the ending that Keras 1 and 2 had not."""
    formatted = isinstance(node, ast.JoinedStr) and len(node.values) > 1
    last = node.values[-1] if formatted else node  # type: ignore[attr-defined]
    if not isinstance(last, ast.Constant) or not isinstance(last.value, str) or not last.value.endswith(_ENDING):
        return False
    name = last.value.removesuffix(_ENDING)
    return name[-1:] not in ("/", "\\") if name else formatted


def _is_within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def _generation(node: ast.Call) -> str | None:
    """Return "1" or "2" if a call carries arguments that only this Keras had, going by the translation tables."""
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    row = ROWS.get(upgrade_class_name(name)) or (
        ROWS.get(f"Model.{name}") if isinstance(called, ast.Attribute) else None
    )
    if row is None:
        return None
    keywords = {item.arg for item in node.keywords if item.arg}
    if keywords & (row.first_generation | _MORE.get(name, frozenset())):
        return "1"
    if keywords & ({*row.renamed.values(), *row.joined} - row.shared - {*row.orders.get("1", ()), "learning_rate"}):
        return "2"
    if row.parts and name.startswith(("Convolution", "Deconvolution", "AtrousConvolution", "SeparableConvolution")):
        leading = node.args[1 : 1 + len(row.parts)]
        if len(leading) == len(row.parts) and not any(isinstance(size, ast.Tuple) for size in leading):
            return "1"
    return None


# Arguments that `prepare` functions handle, and so stand in no table.
_MORE = {
    "fit_generator": frozenset({"samples_per_epoch", "nb_val_samples"}),
    "evaluate_generator": frozenset({"val_samples"}),
    "predict_generator": frozenset({"val_samples"}),
}


def module_file(module: str) -> Path | None:
    """Return the file that `-m module` would run, or None."""
    try:
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.submodule_search_locations:
            spec = importlib.util.find_spec(f"{module}.__main__")
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None
