"""`tensorflow.python`, from which packages import although it is private: its files hold what `tf` offers, too."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from keras_torch import initializers, layers, ops, symbolic
from keras_torch.dropin.tensorflow import function, modules, special
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.distribute import in_cross_replica_context
from keras_torch.dropin.tensorflow.refusals import refused_class
from keras_torch.dropin.tensorflow.sizes import ints
from keras_torch.utils import conv_utils

# Files of TensorFlow 2.15 and before it → where their functions are in `tf`; "" is the root.
_FOLDERS = {
    "ops": """
        array_ops array_ops_stack candidate_sampling_ops check_ops clip_ops cond confusion_matrix control_flow_assert
        control_flow_case control_flow_ops control_flow_util ctc_ops custom_gradient data_flow_ops embedding_ops
        functional_ops
        gen_array_ops gen_control_flow_ops gen_image_ops gen_linalg_ops gen_math_ops gen_nn_ops gen_random_ops
        gen_sparse_ops gen_state_ops gen_string_ops gradients gradients_impl gradients_util image_ops image_ops_impl
        init_ops init_ops_v2 io_ops linalg.linalg linalg.sparse.sparse linalg_ops linalg_ops_impl logging_ops lookup_ops
        map_fn
        math_ops nn nn_impl nn_ops parsing_ops ragged.ragged_tensor random_ops resource_variable_ops
        rnn rnn_cell rnn_cell_impl script_ops
        signal.signal sort_ops sparse_ops special_math_ops standard_ops state_ops stateless_random_ops string_ops
        summary_ops_v2 tensor_array_ops tensor_math_operator_overrides variable_scope variables weights_broadcast_ops
        while_loop
    """,
    "framework": """
        config constant_op device dtypes errors errors_impl importer indexed_slices ops random_seed smart_cond
        sparse_tensor tensor tensor_shape tensor_spec tensor_util type_spec
    """,
    "eager": "backprop context def_function monitoring polymorphic_function.polymorphic_function tape",
    "distribute": "distribute_lib distribution_strategy_context mirrored_strategy ps_values reduce_util values",
    "util": "compat deprecation function_utils nest object_identity tf_export tf_inspect",
    "platform": "gfile test tf_logging",
    "training": "checkpoint_management learning_rate_decay moving_averages optimizer saver training training_util",
    "layers": "utils",
    "module": "module",
    "profiler": "profiler_v2",
    "tpu": "embedding_context_utils tpu_function",
}
FILES = frozenset(f"python.{folder}.{file}" for folder, files in _FOLDERS.items() for file in files.split())
_FAMILIES = (
    *("", "math", "nn", "linalg", "random", "image", "sparse", "strings", "io", "nest", "dtypes", "errors", "train"),
    *("distribute", "debugging", "config", "signal", "ragged", "lookup", "compat", "gfile", "logging", "test"),
)


def find(path: str, tables: tuple[Mapping[str, Any], ...]) -> Any:
    """Return what `tf` has under the last name of a path within `tensorflow.python`; KeyError if there is none.

    The family that a file is called after (`image_ops`, `nest`) comes first.
    """
    place, _, name = path.rpartition(".")
    if place not in FILES:
        raise KeyError(path)
    file = place.rpartition(".")[2].removeprefix("gen_")
    own = [family for family in _FAMILIES if family not in ("", "math") and file.removeprefix("tf_").startswith(family)]
    for family in (*own, *_FAMILIES):
        for table in tables:
            key = f"{family}.{name}" if family else name
            if key in table:
                return table[key]
    raise KeyError(path)


def export(*names: str, **options: Any) -> Callable[[Any], Any]:
    """Return a decorator that changes nothing: only TensorFlow itself publishes names."""
    return lambda item: item


def register_gradient(op_type: str) -> Callable[[Any], Any]:
    """Return a decorator that changes nothing: what would use it, `Graph.gradient_override_map`, is refused."""
    return lambda function: function


def no_gradient(op_type: str) -> None:
    """Do nothing: operations of one's own, which this says something about, cannot be loaded."""


def _inside(name: str) -> type:
    return refused_class(f"python.{name}")


def call_with_own_gradient(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a function that returns its result and the function of its gradient."""
    return function.custom_gradient(f)(*args, **kwargs)


def smart_constant_value(pred: Any) -> Any:
    """Return a condition as True or False, or None while a model is being built."""
    return None if isinstance(pred, symbolic.KerasTensor) else bool(pred)


def smart_cond(pred: Any, true_fn: Any = None, false_fn: Any = None, name: Any = None) -> Any:
    """Return what one of two functions returns: `tf.cond`."""
    return function.cond(pred, true_fn, false_fn)


def assign_moving_average(variable: Any, value: Any, decay: Any, zero_debias: bool = False, name: Any = None) -> Any:
    """Move a variable towards a value: `variable -= (1 - decay) * (variable - value)`."""
    if zero_debias:
        raise NotImplementedError(
            "`zero_debias` needs TensorFlow's hidden variables: divide by `1 - decay ** steps` where you read the "
            "average. Received: zero_debias=True"
        )
    return variable.assign_sub((variable - value) * (1 - decay))


def broadcast_weights(weights: Any, values: Any) -> Any:
    """Repeat weights along axes where they have size 1, so that they have the shape of the values."""
    values = convert_to_tensor(values)
    return convert_to_tensor(weights).to(values.dtype).expand(values.shape)


def joined_shape(prefix: Any, suffix: Any, static: bool = False) -> Any:
    """Return two shapes, or numbers, one after the other, as a list."""
    parts = [[part] if isinstance(part, int) else list(part) for part in (prefix, suffix)]
    return parts[0] + parts[1]


def fn_args(fn: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's arguments, without a method's own object."""
    return tuple(inspect.signature(fn).parameters)


@contextlib.contextmanager
def eager_mode() -> Iterator[None]:
    """Do nothing: everything runs at once anyway."""
    yield


def graph_mode() -> Any:
    """RuntimeError: there are no graphs."""
    raise RuntimeError("There are no graphs here: tensors have values. Run what is in the block directly.")


def context() -> SimpleNamespace:
    """Return what packages ask the runtime for: that it runs eagerly, and its GPUs."""
    return SimpleNamespace(executing_eagerly=lambda: True, num_gpus=num_gpus, graph_mode=graph_mode)


def num_gpus() -> int:
    """Return how many GPUs torch sees."""
    return torch.cuda.device_count()


def deprecated(date: Any, instructions: str, warn_once: bool = True) -> Callable[[Any], Any]:
    """Return a decorator that changes nothing: TensorFlow warns those who keep a package, not those who use it."""
    return lambda item: item


class _Cell:
    def __init__(self, value: Any = 0) -> None:
        self._value = value

    def set(self, value: Any) -> None:
        """Keep a value."""
        self._value = value

    def increase_by(self, value: Any) -> None:
        """Add to the value."""
        self._value += value

    def value(self) -> Any:
        """Return the value."""
        return self._value


class Gauge:
    """What a package counts or notes about itself, one value for each set of labels."""

    _first: Any = 0

    def __init__(self, name: str, description: str, *labels: str) -> None:
        self._cells: dict[tuple[str, ...], _Cell] = {}

    def get_cell(self, *labels: str) -> _Cell:
        """Return the value of some labels."""
        return self._cells.setdefault(labels, _Cell(self._first))


class BoolGauge(Gauge):
    """Whether something was used."""

    _first = False


class StringGauge(Gauge):
    """What was used."""

    _first = ""


def get_tpu_context() -> SimpleNamespace:
    """Return what a program for TPUs asks about them: there are none."""
    return SimpleNamespace(number_of_shards=None)


def is_in_keras_graph(*args: Any) -> bool:
    """False: models are not built within graphs."""
    return False


_NAMES: dict[str, Any] = {
    "distribute.distribution_strategy_context.in_cross_replica_context": in_cross_replica_context,
    "distribute.ps_values.AggregatingVariable distribute.values.AggregatingVariable": _inside(
        "distribute.values.AggregatingVariable"
    ),
    "distribute.values.DistributedVariable": _inside("distribute.values.DistributedVariable"),
    "distribute.values.MirroredVariable": _inside("distribute.values.MirroredVariable"),
    "eager.context.context": context,
    "eager.context.eager_mode": eager_mode,
    "eager.context.graph_mode": graph_mode,
    "eager.context.num_gpus": num_gpus,
    "ops.custom_gradient._graph_mode_decorator": call_with_own_gradient,
    "ops.control_flow_util.GraphOrParentsInXlaContext": lambda graph: False,
    "tpu.embedding_context_utils.SequentialEmbeddingContext": contextlib.nullcontext,
    "tpu.tpu_function.get_tpu_context": get_tpu_context,
    "util.deprecation.deprecated": deprecated,
    "eager.tape.record_operation": _inside("eager.tape.record_operation"),
    "eager.tape.stop_recording": torch.no_grad,
    "eager.monitoring.BoolGauge": BoolGauge,
    "eager.monitoring.Counter eager.monitoring.IntGauge": Gauge,
    "eager.monitoring.StringGauge": StringGauge,
    "framework.ops.EagerTensor": torch.Tensor,
    "framework.ops.executing_eagerly_outside_functions": lambda: True,
    "framework.ops.inside_function": lambda: False,
    "framework.smart_cond.smart_cond layers.utils.smart_cond": smart_cond,
    "framework.smart_cond.smart_constant_value layers.utils.constant_value": smart_constant_value,
    "framework.tensor_util.constant_value": special.static_value,
    "layers.utils.conv_output_length": conv_utils.conv_output_length,
    "ops.init_ops.Constant ops.init_ops_v2.Constant": initializers.Constant,
    "ops.init_ops.GlorotNormal ops.init_ops_v2.GlorotNormal": initializers.GlorotNormal,
    "ops.init_ops.GlorotUniform ops.init_ops_v2.GlorotUniform": initializers.GlorotUniform,
    "ops.init_ops.Initializer ops.init_ops_v2.Initializer": initializers.Initializer,
    "ops.init_ops.Ones ops.init_ops_v2.Ones": initializers.Ones,
    "ops.init_ops.RandomNormal ops.init_ops_v2.RandomNormal": initializers.RandomNormal,
    "ops.init_ops.RandomUniform ops.init_ops_v2.RandomUniform": initializers.RandomUniform,
    "ops.init_ops.TruncatedNormal ops.init_ops_v2.TruncatedNormal": initializers.TruncatedNormal,
    "ops.init_ops.VarianceScaling ops.init_ops_v2.VarianceScaling": initializers.VarianceScaling,
    "ops.init_ops.Zeros ops.init_ops_v2.Zeros": initializers.Zeros,
    "types.core.Tensor": torch.Tensor,
    "types.trace.TraceType": _inside("types.trace.TraceType"),
    "ops.weights_broadcast_ops.broadcast_weights": broadcast_weights,
    "ops.init_ops_v2.glorot_normal": initializers.GlorotNormal,
    "ops.init_ops_v2.glorot_uniform": initializers.GlorotUniform,
    "ops.rnn_cell.RNNCell ops.rnn_cell_impl.RNNCell": layers.AbstractRNNCell,
    "ops.rnn_cell_impl._concat": joined_shape,
    "training.moving_averages.assign_moving_average": assign_moving_average,
    "util.function_utils.fn_args": fn_args,
    "util.nest.is_sequence": modules.is_nested,
    "util.tf_export.keras_export util.tf_export.tf_export": export,
}
NAMES: dict[str, Any] = {
    **{" ".join(f"python.{path}" for path in paths.split()): item for paths, item in _NAMES.items()},
    "RegisterGradient": register_gradient,
    "compiler.tf2xla.python.xla.dynamic_slice": lambda a, starts, sizes: ops.slice(a, ints(starts), ints(sizes)),
    "compiler.tf2xla.python.xla.dynamic_update_slice": lambda a, update, starts: ops.slice_update(a, starts, update),
    "no_gradient": no_gradient,
    "types.experimental.Tensor": torch.Tensor,
    "types.experimental.TensorLike": torch.Tensor
    | symbolic.KerasTensor
    | np.ndarray
    | int
    | float
    | bool
    | str
    | list
    | tuple,
}
VERSION_1 = {"NoGradient NotDifferentiable": no_gradient}
