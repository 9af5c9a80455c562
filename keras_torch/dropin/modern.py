"""Today's spelling of old names and arguments, told by the tables that translate them."""

from __future__ import annotations

import inspect
from types import CodeType, ModuleType
from typing import Any

from keras_torch import backend, ops
from keras_torch.dropin import finder, module_paths
from keras_torch.engine import Layer
from keras_torch.legacy import aliases
from keras_torch.models import Model
from keras_torch.optimizers import Optimizer
from keras_torch.optimizers.base import HARMLESS

OURS = "keras_torch.dropin.era"

# Namespaces of Keras 3 in which a class or function is looked for, in this order.
_NAMESPACES = (
    *("layers", "models", "losses", "metrics", "optimizers", "optimizers.schedules", "callbacks", "initializers"),
    *("regularizers", "constraints", "activations", "utils", "saving"),
)
# Functions of `keras.backend` that `keras.ops` has under another name, or has not.
_BACKEND = {
    "batch_set_value": "Variable.assign",
    "cast_to_floatx": "keras.ops.cast(x, keras.config.floatx())",
    "dot": "keras.ops.matmul",
    "epsilon": "keras.config.epsilon",
    "eval": "keras.ops.convert_to_numpy",
    "floatx": "keras.config.floatx",
    "get_value": "keras.ops.convert_to_numpy",
    "get_variable_shape": "x.shape",
    "gradients": "torch.autograd.grad",
    "image_data_format": "keras.config.image_data_format",
    "image_dim_ordering": "keras.config.image_data_format",
    "int_shape": "x.shape",
    "l2_normalize": "keras.ops.normalize",
    "ndim": "x.ndim",
    "permute_dimensions": "keras.ops.transpose",
    "pow": "keras.ops.power",
    "set_epsilon": "keras.config.set_epsilon",
    "set_floatx": "keras.config.set_floatx",
    "set_image_data_format": "keras.config.set_image_data_format",
    "set_image_dim_ordering": "keras.config.set_image_data_format",
    "set_value": "Variable.assign",
    "temporal_padding": "keras.ops.pad",
    "variable": "keras.Variable",
}
_RECURRENT = {"CuDNNGRU": "GRU", "CuDNNLSTM": "LSTM", "TimeDistributedDense": "TimeDistributed"}
_ALIASES = (
    (aliases.LAYERS | _RECURRENT, "layers"),
    (aliases.OPTIMIZERS, "optimizers"),
    (aliases.REGULARIZERS, "regularizers"),
    (aliases.CONSTRAINTS, "constraints"),
    ({"plot": "plot_model"}, "utils"),
)
# Methods that models alone have → how to say that today; None where the name is today's.
METHODS_OF_MODELS: dict[str, str | None] = {
    "evaluate_generator": "evaluate",
    "fit_generator": "fit",
    "load_weights": None,
    "predict_classes": "predict, then argmax(axis=-1), or > 0.5 for one output",
    "predict_generator": "predict",
    "predict_on_batch": None,
    "predict_proba": "predict",
    "save_weights": None,
    "test_on_batch": None,
    "to_yaml": "to_json",
    "train_on_batch": None,
}
MAKERS_OF_MODELS = frozenset(
    "clone_model load_model model_from_config model_from_json model_from_yaml multi_gpu_model".split()
)


def spelling(name: str, found: Any) -> str | None:
    """Return where Keras 3 has what `name` means; None if `name` says so already, or Keras 3 has it nowhere."""
    rest = module_paths.split(name)
    if rest is None:
        return None
    first, _, last = rest.rpartition(".")
    home = module_paths.MOVED.get(first, first)
    if home == "backend" and found is getattr(backend, last, None):
        return _BACKEND.get(last) or (f"keras.ops.{last}" if hasattr(ops, last) else None)
    for table, family in _ALIASES:
        if last in table and home.partition(".")[0] in (family, "engine"):
            return f"keras.{family}.{table[last]}"
    if isinstance(found, ModuleType):
        path = f"{found.__name__}.".removeprefix("keras_torch.")
        public = next((space for space in _NAMESPACES if path.startswith(f"{space}.")), rest)
        return None if rest in (public, *_NAMESPACES) else f"keras.{public}"
    if not isinstance(found, type) and not inspect.isroutine(found):
        return None
    own = found.__name__
    near = [space for space in (home, home.partition(".")[0]) if space in _NAMESPACES]
    for namespace in dict.fromkeys((*near, *_NAMESPACES)):
        module = finder.load(f"keras.{namespace}")
        for candidate in dict.fromkeys((last, own)):
            if _is_public(module, candidate, found):
                return None if rest in (f"{namespace}.{candidate}", candidate) else f"keras.{namespace}.{candidate}"
    return None


def _is_public(module: ModuleType, name: str, found: Any) -> bool:
    return getattr(module, name, None) is found and name in getattr(module, "__all__", ())


def of_era(target: str) -> str | None:
    """Return today's name of a target in the tables of the era; None for what is a function of ours."""
    if target.startswith(OURS):
        return None
    module, _, name = target.partition(":")
    return name if module == "builtins" else ".".join(filter(None, (module, name)))


class Arguments:
    """What a class or function takes by name, old arguments included."""

    def __init__(self, found: Any) -> None:
        self.names: set[str] = set()
        self.renamed: dict[str, str] = {}
        self.advice: dict[str, str | None] = {}
        self.is_open = False
        for function in _functions(found):
            self._add(function)
        for base, taken in _TAKEN.items():
            # The base takes these out of its `**kwargs`, and refuses others.
            if isinstance(found, type) and issubclass(found, base):
                self.names |= taken
                self.is_open = False

    def _add(self, function: Any) -> None:
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is None:
            self.is_open = True
            return
        self.names |= set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) - {"self", "cls"}
        self.is_open = bool(code.co_flags & inspect.CO_VARKEYWORDS)
        row = getattr(getattr(function, "translator", None), "row", None)
        if row is not None:
            self.renamed.update({old: new for old, new in row.renamed.items() if old not in self.renamed})
            self.renamed.update({part: new for new, parts in row.joined.items() for part in parts})
            self.advice |= {name: refused.advice for name, refused in row.refused.items()}
            self.advice |= {name: _PREPARED.get(name) for name in _strings(row.prepare)}

    def look_up(self, name: str) -> tuple[str, str | None]:
        """Return the status of an argument, and its name today."""
        if name in self.renamed and name not in self.names:
            return "old", self.renamed[name]
        if name in _OLD_LAYER and name in self.names:
            return "old", _OLD_LAYER[name]
        if name in self.names or self.is_open:
            return "ok", None
        return ("old", self.advice[name]) if name in self.advice else ("missing", None)


_TAKEN: dict[type, frozenset[str]] = {
    Layer: frozenset(
        "name trainable dtype autocast activity_regularizer weights dynamic batch_input_shape batch_shape input_shape "
        "input_dim input_length batch_size input_dtype input_spec".split()
    ),
    Model: frozenset({"inputs", "outputs"}),
    Optimizer: frozenset(HARMLESS),
}
_OLD_LAYER = {
    "batch_input_shape": "keras.Input(batch_shape=...)",
    "input_shape": "keras.Input(shape=...)",
    "weights": "set_weights(...) after build",
}
_PREPARED = {
    "nb_val_samples": "validation_steps, in batches",
    "samples_per_epoch": "steps_per_epoch, in batches",
    "val_samples": "steps, in batches",
}


def _functions(found: Any) -> list[Any]:
    """Return a function; or the constructors of a class, from its own to the first that names all its arguments."""
    if not isinstance(found, type):
        return [found]
    functions = []
    for base in found.__mro__:
        init = base.__dict__.get("__init__")
        if init is None or base is object:
            continue
        functions.append(init)
        code = getattr(inspect.unwrap(init), "__code__", None)
        if code is None or not code.co_flags & inspect.CO_VARKEYWORDS:
            break
    return functions


def _strings(function: Any) -> set[str]:
    """Return the arguments that a row's `prepare` handles: it names them in its code, and they stand in no table."""
    code: CodeType | None = getattr(function, "__code__", None)
    return {item for item in code.co_consts if isinstance(item, str) and item.isidentifier()} if code else set()
