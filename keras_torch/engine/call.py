"""The steps of `Layer.__call__`: conversion, building, checks, masks, mode, losses; on real and symbolic tensors."""

from __future__ import annotations

import contextlib
import inspect
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.overrides import is_tensor_like
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.backend.array_types import from_bfloat16, widened
from keras_torch.backend.control import fixed_learning_phase, only_item
from keras_torch.backend.string_array import STRING, StringArray, is_text, to_strings
from keras_torch.backend.variable import Variable
from keras_torch.engine import autocast, closures, placement
from keras_torch.engine.input_spec import check_inputs
from keras_torch.engine.masking import get_mask, masks_of, set_mask
from keras_torch.engine.stateless import call_with, replaced
from keras_torch.engine.weights import scope_of
from keras_torch.symbolic import KerasTensor, Node, infer, internal_nodes, related_sizes
from keras_torch.symbolic.keras_tensor import as_shapes
from keras_torch.symbolic.structure import leaves, map_changed, map_tree

_TENSORS = (torch.Tensor, KerasTensor, StringArray)
_SIZES = frozenset((int, type(None)))


class _State(threading.local):
    """What is going on in a thread: whether a lowered program runs (masks are explicit there), and how deep calls nest.

    Of each thread its own, since those that prepare data call layers, too.
    """

    def __init__(self) -> None:
        # Not of the class: torch.compile would take the first change for a reason to compile anew.
        self.in_program = False
        self.depth = 0


class _Versions:
    """What has changed, for all threads.

    `loss_version` is 0 until a layer first adds a loss; it changes whenever the set of layers that do, or the structure
    of a model, may have changed. `metric_version` counts the metrics that layers added while they were called.
    """

    loss_version = 0
    metric_version = 0


state = _State()
versions = _Versions()


class _Mode(threading.local):
    """Whether defaults of `training` in `call` count, in a thread.

    `given`: a call around this one was told to train or not to, or the modules' own mode holds. Otherwise a default of
    True counts, and one of False in a step of the user's own (`in_step`).
    """

    def __init__(self) -> None:
        self.given = False
        self.in_step = False


_mode = _Mode()


class InOwnStep:
    """A train or test step of the user's own, in which the defaults of `training` in `call` count."""

    def __init__(self, step: Any) -> None:
        self.step = step

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        before, _mode.in_step = _mode.in_step, True
        try:
            return self.step(*args, **kwargs)
        finally:
            _mode.in_step = before


def call_inside(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a layer that is part of another, which deals with masks itself: none is looked for or attached."""
    nested, state.in_program = state.in_program, True
    try:
        return layer(*args, **kwargs)
    finally:
        state.in_program = nested


def call_in_own_mode(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a layer in the mode that its modules are in, even if its `call` trains by default."""
    given, _mode.given = _mode.given, True
    try:
        return function(*args, **kwargs)
    finally:
        _mode.given = given


class CallSignature:
    """The parameters of a layer class's `call`, looked up once per class."""

    def __init__(self, function: Any) -> None:
        parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
        self.names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        keywords = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        self.takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.takes_mask = "mask" in keywords
        self.takes_training = "training" in keywords
        default = next((p.default for p in parameters if p.name == "training"), None)
        self.default_training = default if isinstance(default, bool) else None
        self.keywords = keywords
        options = [place for place, name in enumerate(self.names) if name in ("mask", "training")]
        self.inputs_before_options = min(options, default=len(self.names))
        # Inputs whose masks `call` takes one by one: `query` with `query_mask`.
        self.masked = [(place, name) for place, name in enumerate(self.names) if f"{name}_mask" in keywords]

    def accepts(self, name: str) -> bool:
        """Whether `call` has a parameter of this name."""
        return name in self.keywords or self.takes_any


def invoke(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a layer on real or symbolic tensors, arrays or numbers."""
    signature = layer._call_signature
    if not args and kwargs and signature.names:
        if signature.names[0] in kwargs:
            args = (kwargs.pop(signature.names[0]),)
        elif "inputs" in kwargs:
            args = (kwargs.pop("inputs"),)
    if len(args) > 1:
        args, kwargs = _name_options(signature, args, kwargs)
    first = type(args[0]) if args else None
    symbolic = first is KerasTensor or any(isinstance(item, KerasTensor) for item in leaves((args, kwargs)))
    run = call_symbolic if symbolic else call_eager
    if layer.built or (layer._is_builtin and not layer._modules):
        return run(layer, args, kwargs)
    with scope_of(layer):
        return run(layer, args, kwargs)


def is_ready(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call needs nothing of what Keras does around it: plain tensors of the layer's dtype, without masks."""
    if len(args) > layer._call_signature.inputs_before_options or "mask" in kwargs or "training" in kwargs:
        return False
    for item in (*args, *kwargs.values()):
        if type(item) is torch.Tensor:
            if item.dtype is not layer._compute_torch_dtype and (
                item.is_floating_point() or not layer._accepts_integers
            ):
                return False
            if not state.in_program and hasattr(item, "_keras_mask"):
                return False
        elif item is not None and type(item) is not bool:
            return False
    return True


def _name_options(signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Turn positional `mask` and `training`, and what follows them, into keywords, and so into what they are."""
    positional: list[Any] = []
    for index, item in enumerate(args):
        name = signature.names[index] if index < len(signature.names) else None
        if name in ("mask", "training") or (name is not None and len(positional) < index):
            kwargs = {**kwargs, name: item}
        else:
            positional.append(item)
    return tuple(positional), kwargs


def shapes_of(inputs: Any) -> Any:
    """Return the structure of shapes of a structure of tensors."""
    if isinstance(inputs, _TENSORS):
        return tuple(inputs.shape)
    return map_tree(lambda t: tuple(t.shape) if isinstance(t, _TENSORS) else t, inputs)


def flat_tensors(inputs: Any) -> list[Any]:
    """Return the tensors in a structure."""
    if isinstance(inputs, _TENSORS):
        return [inputs]
    return [item for item in leaves(inputs) if isinstance(item, _TENSORS)]


def to_tensor(item: Any, layer: Any) -> Any:
    """Turn arrays and numbers into tensors, and floats into the layer's compute dtype."""
    if not isinstance(item, torch.Tensor):
        item = _from_array(item, layer)
    if isinstance(item, torch.Tensor) and (
        (item.is_floating_point() and layer._autocast) or not (layer._accepts_integers or item.is_complex())
    ):
        dtype = layer._compute_torch_dtype
        if item.dtype != dtype:
            if layer._widens and item.is_floating_point() and autocast.is_mixed(layer):
                return item
            mask = getattr(item, "_keras_mask", None)
            item = item.to(dtype)
            if mask is not None:
                item._keras_mask = mask  # type: ignore[attr-defined]
    return item


def _from_array(item: Any, layer: Any) -> Any:
    """Turn an array, or what numpy can read as one, into a tensor beside the layer's weights; text stays on the host.

    Numbers of numpy's types are left alone: they may be options of `call`.
    """
    if not isinstance(item, np.ndarray):
        if getattr(type(item), "is_sparse", None) is True and layer._is_builtin:
            # A `tf.SparseTensor`, which only functions of `tf.sparse` in a `call` of the user's own take.
            return item.coordinates().to_dense()
        if not hasattr(item, "__array__") or isinstance(item, np.generic) or is_tensor_like(item):
            return item
        item = np.asarray(item)
    if layer._accepts_strings and is_text(item):
        return to_strings(item, f"The input of layer {layer.name!r}")
    device = next((w.storages[0].device for w in layer._own_weights), None) or config.default_device()
    if item.dtype.name == "bfloat16":
        return from_bfloat16(item).to(device)
    if item.dtype.kind not in "fiubc":
        raise ValueError(_takes_numbers(layer, item.dtype))
    return torch.as_tensor(widened(item), device=device)


def _takes_numbers(layer: Any, dtype: Any) -> str:
    return (
        f"Layer {layer.name!r} takes numbers, but got an array of dtype {dtype}. Convert it first, e.g. with "
        "`np.asarray(x, dtype='float32')`; text with a StringLookup, TextVectorization or Hashing layer."
    )


def _convert_inputs(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    inputs = args[0]
    if isinstance(inputs, (list, tuple)) and inputs and all(isinstance(i, (int, float, list)) for i in inputs):
        inputs = np.asarray(inputs)
        inputs = inputs.astype(config.floatx()) if inputs.dtype.kind == "f" else inputs
    elif isinstance(inputs, (int, float)) and not isinstance(inputs, bool):
        inputs = torch.as_tensor(inputs)
    convert = lambda item: to_tensor(item, layer)  # noqa: E731
    first = map_tree(convert, inputs)
    if len(args) == 1 and not kwargs:
        return (first,), kwargs
    # In tf.keras `call` gets the containers beside its inputs themselves, and may fill e.g. a cache; Keras 3 copies.
    convert_rest = map_tree if config.is_modern() else map_changed
    return (first, *convert_rest(convert, args[1:])), {key: convert_rest(convert, item) for key, item in kwargs.items()}


def _convert_masks(masks: Any, inputs: Any) -> Any:
    """Turn mask arrays into tensors beside the inputs."""
    device = next((t.device for t in flat_tensors(inputs) if isinstance(t, torch.Tensor)), None)
    return map_tree(lambda m: torch.as_tensor(m, device=device) if isinstance(m, np.ndarray) else m, masks)


@contextlib.contextmanager
def training_mode(layer: Any, training: Any) -> Iterator[None]:
    """Run a layer and all in it in the given mode; None leaves each module its own."""
    changed = []
    if training is not None:
        training = as_mode(layer, training)
        changed = [module for module in layer.modules() if module.training != training]
    for module in changed:
        module.training = training
    try:
        yield
    finally:
        for module in changed:
            module.training = not training


def as_mode(layer: Any, training: Any) -> bool:
    """Return whether `training` is true."""
    if len(getattr(training, "shape", ())) and tuple(training.shape) != (1,):
        # Keras does not look at it unless a layer asks, and scripts call models as `model(x, y)`.
        warnings.warn(
            f"Layer {layer.name!r}: `training`, the second argument of a call, must be True, False or None. Received: "
            f"an array of shape {tuple(training.shape)}, which is left out. Several inputs go into one list.",
            stacklevel=2,
        )
        return layer.training
    return bool(training)


def _with_masks(signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Add the masks that inputs carry as the arguments that are named after the inputs, unless given."""
    found = {}
    for place, name in signature.masked:
        given = args[place] if place < len(args) else kwargs.get(name)
        mask = None if given is None else masks_of(given)
        if mask is not None and kwargs.get(f"{name}_mask") is None:
            found[f"{name}_mask"] = mask
    return {**kwargs, **found} if found else kwargs


def enter(layer: Any) -> None:
    """Begin a call from outside: forget the losses that an earlier call left in this layer's tree."""
    if state.depth == 0 and not state.in_program and versions.loss_version:
        clear_losses(layer)


def clear_losses(layer: Any) -> None:
    """Forget the losses of the last call in a layer and all below it."""
    version, found = layer.__dict__.get("_loss_layers", (0, ()))
    if version != versions.loss_version:
        found = [module for module in layer.modules() if getattr(module, "_adds_losses", False)]
        layer.__dict__["_loss_layers"] = (versions.loss_version, found)
    for module in found:
        module._call_losses.clear()


def call_eager(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a layer on real tensors with everything that Keras does around it."""
    signature = layer._call_signature
    training = kwargs.pop("training", None)
    mask = kwargs.pop("mask", None)
    if args:
        args, kwargs = _convert_inputs(layer, args, kwargs)
    inputs = args[0] if args else None
    if mask is not None:
        mask = _convert_masks(mask, inputs)
    if layer.input_spec is not None:
        check_inputs(layer.input_spec, [tuple(t.shape) for t in flat_tensors(inputs)], layer.name)
    if not layer.built:
        with placement.for_real_inputs():
            build(layer, args, kwargs)
    if not state.in_program and mask is None:
        mask = masks_of(inputs)
    if mask is not None and signature.takes_mask:
        kwargs["mask"] = mask
    if signature.masked and not state.in_program:
        kwargs = _with_masks(signature, args, kwargs)
    if training is None and not _mode.given and layer._wants_training:
        training = signature.default_training or (signature.default_training if _mode.in_step else None)
    enter(layer)
    state.depth += 1
    given, _mode.given = _mode.given, _mode.given or training is not None
    try:
        with training_mode(layer, training):
            if signature.takes_training and layer._wants_training:
                kwargs["training"] = layer.training if training is None else bool(training)
            closed = closures.ARGUMENT in kwargs
            outputs = closures.run_closed(layer, args, kwargs) if closed else layer._call_impl(*args, **kwargs)
    finally:
        state.depth -= 1
        _mode.given = given
    if layer.activity_regularizer is not None:
        _add_activity_losses(layer, outputs)
    if not state.in_program and (mask is not None or layer._makes_mask):
        outputs = _propagate_mask(layer, inputs, mask, outputs)
    return outputs


def _add_activity_losses(layer: Any, outputs: Any) -> None:
    for output in flat_tensors(outputs):
        penalty = layer.activity_regularizer(output)
        samples = output.shape[0] if output.dim() and layer._averages_activity else 1
        layer._add_call_loss(penalty / max(samples, 1))


def _mask_of_outputs(layer: Any, inputs: Any, mask: Any) -> Any:
    """Return the mask behind a layer: one that knows nothing of masks ends them, in every dialect."""
    return layer.compute_mask(inputs, mask) if layer._makes_mask or layer.supports_masking else None


def _propagate_mask(layer: Any, inputs: Any, mask: Any, outputs: Any) -> Any:
    given = flat_tensors(inputs)

    def is_input(item: Any) -> bool:
        # Not by `id`, which would tie what torch.compile made to this very tensor.
        return any(item is other for other in given)

    if any(hasattr(item, "_keras_mask") and not is_input(item) for item in flat_tensors(outputs)):
        return outputs
    result = _mask_of_outputs(layer, inputs, mask)
    if any(is_input(item) and get_mask(item) is not result for item in flat_tensors(outputs)):
        # A layer that hands its inputs on must not change their masks.
        outputs = map_tree(lambda item: item.view_as(item) if is_input(item) else item, outputs)
    if result is not None:
        set_mask(outputs, result)
    return outputs


def note_shapes(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Remember the shapes of a call's tensors by the names of the arguments, to build the layer again from them.

    Of a model also their dtypes, to export it.
    """
    given = dict(zip(layer._call_signature.names, args, strict=False)) | kwargs
    if hasattr(layer, "_network"):
        layer.__dict__["_call_dtypes"] = [t.dtype for item in given.values() for t in flat_tensors(item)]
    layer.__dict__["_call_shapes"] = {name: shapes_of(item) for name, item in given.items() if flat_tensors(item)}


def build(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Make a layer's weights for the shapes of a call's tensors."""
    note_shapes(layer, args, kwargs)
    shapes = [shapes_of(args[0])] if args else []
    names = layer._build_argument_names
    if len(names) > 1:
        given = dict(zip(layer._call_signature.names, args, strict=False)) | kwargs
        shapes = [shapes_of(given.get(name.removesuffix("_shape"))) for name in names]
    elif names and names[0].endswith("_shape") and names[0] not in ("input_shape", "inputs_shape"):
        given = dict(zip(layer._call_signature.names, args, strict=False)) | kwargs
        found = given.get(names[0].removesuffix("_shape"))
        shapes = [shapes_of(found)] if found is not None else shapes
    layer._build_for(args[0] if args else None, *shapes)


def call_symbolic(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a call on symbolic tensors: build, check, infer the outputs, make a node, work out the masks."""
    signature = layer._call_signature
    if kwargs.get("training") is None:
        kwargs.pop("training", None)
        phase = fixed_learning_phase() if config.is_classic() else None
        if phase is not None and signature.takes_training:
            kwargs["training"] = phase
    inputs = args[0] if args else None
    tensors = flat_tensors(inputs)
    if not layer._accepts_strings and any(tensor.dtype == STRING for tensor in tensors):
        raise ValueError(_takes_numbers(layer, STRING))
    if layer.input_spec is not None:
        check_inputs(layer.input_spec, [tuple(t.shape) for t in tensors], layer.name)
    if not layer.built:
        build(layer, args, kwargs)
    explicit = kwargs.pop("mask", None)
    mask = explicit if explicit is not None else masks_of(inputs)
    given = dict(kwargs)
    if mask is not None and signature.takes_mask:
        kwargs["mask"] = mask
    kwargs = _with_masks(signature, args, kwargs)
    # A `call` of the user's own may not do without the mask that it gets.
    outputs = _recorded_outputs(layer, args, kwargs, given if layer._is_builtin else kwargs)
    for tensor in flat_tensors(outputs):
        tensor.name = layer.name
    Node(layer, args, kwargs, outputs)
    if mask is not None or layer._makes_mask:
        with internal_nodes():
            result = _mask_of_outputs(layer, inputs, mask)
        if result is not None:
            set_mask(outputs, result)
    return outputs


def _recorded_outputs(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: dict[str, Any]) -> Any:
    """Return symbolic outputs; `kwargs` get what `call` takes from outside. `given` are those without masks."""
    closure = closures.close(layer, args, kwargs) if closures.may_close(layer) else None
    if layer._gives_output_spec:
        # A class may define it to say that it is not known.
        with contextlib.suppress(NotImplementedError):
            return _given_outputs(layer, args, given)
    if closure is None or layer._knows_output_shape:
        return layer._symbolic_outputs(args, {key: item for key, item in given.items() if key != closures.ARGUMENT})
    return map_tree(
        lambda item: KerasTensor(item.shape, item.dtype) if isinstance(item, KerasTensor) else item, closure.outputs
    )


def _given_outputs(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return fresh symbolic outputs as the user's `compute_output_spec` gives them, with the arguments it takes."""
    taken = inspect.signature(layer.compute_output_spec).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken):
        names = {parameter.name for parameter in taken}
        kwargs = {key: item for key, item in kwargs.items() if key in names}
    outputs = layer.compute_output_spec(*args, **kwargs)
    return map_tree(lambda t: KerasTensor(t.shape, t.dtype) if isinstance(t, KerasTensor) else t, outputs)


def symbolic_outputs(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return symbolic outputs of a layer's call."""
    if layer._knows_output_shape and not layer._has_unbuilt_children():
        shapes = shapes_of(args[0])
        if not layer._is_builtin and config.dialect() == "tf":
            # tf.keras itself does not ask: what users wrote may count on TensorShape's methods.
            shapes = as_shapes(shapes)
        shape = layer.compute_output_shape(shapes)
        if type(shape) is list and config.is_classic() and not is_shape(shape):
            shape = only_item(shape)
        return _tensors_of_shape(layer, shape, args[0])
    return infer_outputs(layer, args, kwargs)


def infer_outputs(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return symbolic outputs found by running the layer on stand-ins without touching its weights."""

    def run(*run_args: Any, **run_kwargs: Any) -> Any:
        tensors = pytree.tree_leaves((run_args, run_kwargs))
        on_meta = any(isinstance(t, torch.Tensor) and t.device.type == "meta" for t in tensors)
        if not on_meta:
            device = config.default_device()
            move = lambda t: t.to(device) if isinstance(t, torch.Tensor) else t  # noqa: E731
            run_args, run_kwargs = pytree.tree_map(move, (run_args, run_kwargs))
            return call_in_own_mode(layer, *run_args, **run_kwargs)
        if layer._has_unbuilt_children():
            raise NotImplementedError("layers inside are built on their first call, which needs a real device")
        return call_in_own_mode(call_with, layer, replaced(layer, _stand_in), run_args, run_kwargs)

    builds = layer._has_unbuilt_children()
    outputs = infer(run, args, kwargs, f"Layer {layer.name!r}")
    if builds and _has_open_sizes(args, kwargs) and not layer._has_unbuilt_children():
        # Layers inside were built by inputs so small that different sizes may have given equal ones.
        outputs = infer(run, args, kwargs, f"Layer {layer.name!r}")
    _forget_trials(layer)
    return outputs


def _forget_trials(module: Any) -> None:
    """Drop the losses and values of metrics that trial runs left in layers."""
    if versions.loss_version:
        clear_losses(module)
    if versions.metric_version:
        _reset_metrics(module)


related_sizes.Trials.forget = _forget_trials


def _has_open_sizes(args: Any, kwargs: Any) -> bool:
    """Whether a symbolic input has unknown sizes beside that of the batch."""
    return any(isinstance(item, KerasTensor) and None in item.shape[1:] for item in pytree.tree_leaves((args, kwargs)))


def _stand_in(weight: torch.Tensor) -> torch.Tensor:
    """Return a weight without values; a variable that `call` may assign to is one still."""
    empty = weight.detach().to("meta")
    return Variable(empty, trainable=False, name=weight.local_path) if isinstance(weight, Variable) else empty


def _reset_metrics(layer: Any) -> None:
    """Forget what the trial runs reported."""
    for module in layer.modules():
        for metric in module.__dict__.get("_added_metrics", ()):
            metric.reset_state()


def is_shape(item: Any) -> bool:
    """Whether `item` is one shape rather than a structure of shapes."""
    if not isinstance(item, (list, tuple)):
        return False
    return set(map(type, item)) <= _SIZES or all(n is None or isinstance(n, (int, np.integer)) for n in item)


def _tensors_of_shape(layer: Any, shape: Any, inputs: Any) -> Any:
    flat = flat_tensors(inputs)
    dtype = layer._symbolic_dtype(flat[0].dtype if flat else None)
    if is_shape(shape):
        return KerasTensor(shape, dtype)
    if isinstance(shape, dict):
        return {key: _tensors_of_shape(layer, item, inputs) for key, item in shape.items()}
    if not isinstance(shape, (list, tuple)):
        raise ValueError(
            f"`compute_output_shape` of layer {layer.name!r} must return a tuple of sizes, or a list or dict of such "
            f"tuples. Received: {shape!r}"
        )
    return type(shape)([_tensors_of_shape(layer, item, inputs) for item in shape])
