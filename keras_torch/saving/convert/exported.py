"""Keras models as programs of `torch.export`, and in ONNX."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.backend.string_array import STRING
from keras_torch.checkpoint import replacing
from keras_torch.engine import Layer
from keras_torch.engine.call import is_shape
from keras_torch.symbolic import KerasTensor

Specs = Sequence[tuple[tuple[int | None, ...], torch.dtype]]
_TORCH_OPTIONS = (
    "strict",
    "dynamic_shapes",
    "prefer_deferred_runtime_asserts_over_guards",
    "preserve_module_call_signature",
)


def input_specs(model: Any, signature: Any = None) -> list[tuple[tuple[int | None, ...], torch.dtype]]:
    """Return shape and dtype of each of a model's inputs, or of a signature's. ValueError if they are not known.

    A signature is a structure of InputSpec, KerasTensor, tensors or arrays.
    """
    tensors = pytree.tree_leaves(signature) if signature is not None else model.inputs
    if not tensors or any(getattr(tensor, "shape", None) is None for tensor in tensors):
        raise ValueError(
            f"The input shapes of the model {model.name!r} are not known, because it is subclassed. Give "
            "`input_signature`, a list of `keras.InputSpec(shape=..., dtype=...)` or of example tensors. "
            f"Received: {signature!r}"
        )
    if any(str(tensor.dtype) == STRING for tensor in tensors):
        raise ValueError(f"The model {model.name!r} takes strings, which torch has no tensors of.")
    return [(tuple(tensor.shape), config.torch_dtype(tensor.dtype or config.floatx())) for tensor in tensors]


def _called_with(model: Any) -> tuple[list[Any], Any] | None:
    """Return what a subclassed model was first called with, for any number of samples, and the structure of it."""
    if getattr(model, "_network", None) is not None:
        return None
    shapes, structure = pytree.tree_flatten(getattr(model, "_call_shapes", {}), is_leaf=is_shape)
    dtypes = getattr(model, "_call_dtypes", ())
    if len(shapes) != len(dtypes) or not all(map(is_shape, shapes)):
        return None
    # A scalar has no samples.
    return [
        KerasTensor((None, *shape[1:]) if shape else (), dtype) for shape, dtype in zip(shapes, dtypes, strict=True)
    ], structure


class _Flat(nn.Module):
    """A model with one positional argument for each input."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        known = _called_with(model)
        self.structure = None if known is None else known[1]

    def forward(self, *inputs: torch.Tensor) -> Any:
        if not isinstance(self.model, Layer):
            return self.model(*inputs)
        if self.structure is not None and self.structure.num_leaves == len(inputs):
            return self.model(**pytree.tree_unflatten(inputs, self.structure))
        return self.model(inputs[0] if len(inputs) == 1 else list(inputs))


def _examples(specs: Specs, device: torch.device) -> tuple[tuple[torch.Tensor, ...], tuple[dict[int, Any], ...]]:
    """Return inputs of these shapes, and the names of their open sizes; the batch is one size for all."""
    inputs, dims = [], []
    batch = Dim("batch", min=1)
    for shape, dtype in specs:
        sizes = [(2 if axis == 0 else 40 + axis) if size is None else size for axis, size in enumerate(shape)]
        inputs.append(torch.zeros(sizes, dtype=dtype, device=device))
        dims.append({axis: batch if axis == 0 else Dim.AUTO for axis, size in enumerate(shape) if size is None})
    return tuple(inputs), tuple(dims)


def export_program(model: Any, specs: Specs | None = None, **options: Any) -> ExportedProgram:
    """Export a model, or a module of plain torch, in inference mode; open sizes stay open. ValueError, saying why."""
    specs = input_specs(model) if specs is None else specs
    device = next((item.device for item in model.parameters()), torch.device("cpu"))
    inputs, dims = _examples(specs, device)
    options.setdefault("dynamic_shapes", (dims,))
    options.setdefault("strict", False)
    was_training = model.training
    model.eval()
    try:
        return torch.export.export(_Flat(model), inputs, **options)
    except Exception as error:
        name = getattr(model, "name", type(model).__name__)
        raise ValueError(f"torch.export cannot export the model {name!r}: {error}") from error
    finally:
        model.train(was_training)


_ELSEWHERE = {
    "tf_saved_model": "a SavedModel, which needs TensorFlow",
    "litert": "LiteRT, which needs TensorFlow",
    "openvino": "OpenVINO, which reads ONNX itself",
}


def export_model(
    model: Any,
    filepath: Any,
    format: str | None = None,
    verbose: bool | None = None,
    input_signature: Any = None,
    **kwargs: Any,
) -> None:
    """What `model.export` does."""
    path = os.fsdecode(filepath)
    if format is None:
        format = "onnx" if path.endswith(".onnx") else "torch"
    if format in _ELSEWHERE:
        raise ValueError(
            f"`export` writes no {_ELSEWHERE[format]}. Use `format='torch'` or `format='onnx'`, or save the model as "
            f"`.keras` and export it with Keras on TensorFlow. Received: format={format!r}"
        )
    if format not in ("torch", "onnx"):
        raise ValueError(f"`format` must be 'torch' or 'onnx'. Received: format={format!r}")
    save_program(model, path, format, input_signature, **kwargs)
    if verbose:
        print(f"The model {model.name!r} was exported to {path!r} ({format}).")


def save_program(model: Any, filepath: Any, format: str, signature: Any = None, **options: Any) -> None:
    """Write a model as an exported program (`format="torch"`, `.pt2`) or in ONNX. ValueError for unknown options."""
    path = os.fsdecode(filepath)
    known = _TORCH_OPTIONS if format == "torch" else ("opset_version",)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"`export` to {format!r} has no argument {unknown}. It takes: {list(known)}")
    if format == "torch" and not path.endswith(".pt2"):
        raise ValueError(f"The name of an exported program must end in `.pt2`. Received: {path!r}")
    if format == "onnx":
        _require_onnx()
    of_program = options if format == "torch" else {}
    program = _program(model, signature, of_program)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        if format == "torch":
            torch.export.save(program, file)
        else:
            file.write(_onnx(program, model, **options))


def _program(model: Any, signature: Any, options: dict[str, Any]) -> ExportedProgram:
    """Export the plain torch form of a model, which torch.export knows best, else the model itself."""
    from keras_torch.saving.convert.plain_source import write_plain
    from keras_torch.saving.convert.recording import NotTraceable

    if isinstance(model, Layer) and not model.built:
        raise ValueError(f"The model {model.name!r} has no weights to export yet: call it on data once.")
    if signature is None and (known := _called_with(model)) is not None:
        signature = known[0]
    specs = input_specs(model, signature)
    if getattr(model, "_network", None) is not None and "preserve_module_call_signature" not in options:
        try:
            return export_program(write_plain(model).module(), specs, **options)
        except NotTraceable:
            pass
    return export_program(model, specs, **options)


def _require_onnx() -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Exporting to ONNX needs the packages onnx and onnxscript: `pip install onnx onnxscript`."
        ) from error


def _onnx(program: ExportedProgram, model: Any, opset_version: int | None = None) -> bytes:
    names = getattr(model, "input_names", None) or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.onnx.export(
            program, dynamo=True, opset_version=opset_version, input_names=names, verbose=False, optimize=True
        )
    assert made is not None
    return made.model_proto.SerializeToString()
