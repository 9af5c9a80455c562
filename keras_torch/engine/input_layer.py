"""`Input()` and the InputLayer behind it: where a graph of layers starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import config, legacy
from keras_torch.backend.variable import WeightView
from keras_torch.engine.base_layer import Layer
from keras_torch.symbolic import KerasTensor, Node, get_uid, producer, symbolic_constant, unique_name


class InputLayer(Layer):
    """The source of a symbolic tensor. `shape` leaves the batch size out, `batch_shape` includes it.

    `sparse` says that sparse matrices are meant to come, which `fit` makes dense batch by batch; layers see no sparse
    tensors.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        batch_shape = batch_shape or kwargs.pop("batch_input_shape", None)
        if shape is None:
            shape = kwargs.pop("input_shape", None)
        if kwargs.pop("ragged", None):
            raise ValueError(
                f"InputLayer {name!r}: ragged inputs are not supported. Pass dense arrays, padded with "
                "`keras.utils.pad_sequences`."
            )
        if isinstance(input_tensor, (torch.Tensor, WeightView)):
            input_tensor = symbolic_constant(input_tensor)
        if input_tensor is not None and not isinstance(input_tensor, KerasTensor):
            raise ValueError(
                f"InputLayer {name!r}: the `tensor` of an input must be symbolic. Make an `Input` of its shape, and "
                f"pass its values to `fit`. Received: {input_tensor!r}"
            )
        if input_tensor is not None and sparse:
            raise ValueError(
                f"InputLayer {name!r}: the given tensor is dense. Received: sparse={sparse}. Leave it out."
            )
        shape = (shape,) if isinstance(shape, int) else shape
        if input_tensor is not None:
            _check_agreement(input_tensor, name, shape, batch_shape, batch_size, dtype)
            batch_shape, dtype = tuple(input_tensor.shape), input_tensor.dtype
        elif batch_shape is not None and (shape is not None or batch_size is not None):
            raise ValueError(
                f"InputLayer {name!r}: `batch_shape` holds the batch size and the `shape`; pass it alone. Received: "
                f"shape={shape}, batch_size={batch_size}, batch_shape={batch_shape}"
            )
        if batch_shape is None:
            if shape is None:
                raise ValueError(
                    "`Input` needs the shape of one sample, e.g. `Input(shape=(784,))`. Received: neither `shape` nor "
                    "`batch_shape`"
                )
            batch_shape = (batch_size, *shape)
        super().__init__(name=name or _default_name(), dtype=dtype, **kwargs)
        self.batch_shape = tuple(None if size is None else int(size) for size in batch_shape)
        self._input_dtype = config.dtype_name(dtype) if dtype is not None else config.floatx()
        self.sparse, self.ragged = bool(sparse), False
        self.optional = optional
        self.supports_masking = True
        self.built = True
        if input_tensor is None:
            input_tensor = KerasTensor(self.batch_shape, self._input_dtype, name=self.name)
        elif input_tensor._keras_history is not None:
            input_tensor._computed_by = producer(input_tensor)
        Node(self, (), {}, input_tensor)

    @property
    def dtype(self) -> str:
        """Name of the input's dtype."""
        return self._input_dtype

    @property  # type: ignore[misc]
    def batch_input_shape(self) -> tuple[int | None, ...]:
        """The shape with the batch size."""
        return self.batch_shape

    def get_input_shape_at(self, node_index: int) -> Any:
        """Return the shape with the batch size; tf.keras has it in a list."""
        shape = super().get_input_shape_at(node_index)
        return [shape] if config.dialect() == "tf" else shape

    get_output_shape_at = get_input_shape_at

    def call(self, inputs: torch.Tensor | None = None) -> torch.Tensor | None:
        """Return the input."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape with the batch size."""
        return self.batch_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        key = "batch_input_shape" if config.dialect() in ("1", "2", "tf") else "batch_shape"
        result = {
            key: self.batch_shape,
            "dtype": self._input_dtype,
            "sparse": self.sparse,
            "ragged": False,
            "name": self.name,
        }
        return {**result, "optional": True} if self.optional else result


def _check_agreement(
    tensor: KerasTensor, name: str | None, shape: Any, batch_shape: Any, batch_size: int | None, dtype: Any
) -> None:
    """Raise ValueError if the other arguments contradict the tensor that is to be the input."""
    sizes = tuple(tensor.shape)
    for argument, given, found in (
        ("shape", None if shape is None else tuple(shape), sizes[1:]),
        ("batch_shape", None if batch_shape is None else tuple(batch_shape), sizes),
        ("batch_size", batch_size, sizes[0] if sizes else None),
        ("dtype", None if dtype is None else config.dtype_name(dtype), tensor.dtype),
    ):
        if given is not None and not (_fits(found, given) if isinstance(given, tuple) else given == found):
            raise ValueError(
                f"InputLayer {name!r}: the `{argument}` of the given tensor is {found}. Received: {argument}={given}. "
                "Leave it out."
            )


def _fits(found: Any, given: Any) -> bool:
    """Whether a shape is one that another, with None for any size, stands for."""
    return len(found) == len(given) and all(
        wanted is None or wanted == size for size, wanted in zip(found, given, strict=True)
    )


def _default_name() -> str:
    """`input_1`, `input_2`, ... up to Keras 2.15; `input_layer`, `input_layer_1`, ... since Keras 3."""
    return f"input_{get_uid('input')}" if config.dialect() in ("1", "2", "tf") else unique_name("input_layer")


@legacy.translated("Input")
def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
    **kwargs: Any,
) -> KerasTensor:
    """Return a symbolic tensor, the input of a functional model. `shape` leaves the batch size out."""
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
        **kwargs,
    )
    return layer._inbound_nodes[0].outputs
