"""EinsumDense: a dense layer whose axes an einsum equation names."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from keras_torch import activations, config, constraints, initializers, regularizers
from keras_torch.engine import InputSpec, Layer
from keras_torch.engine.initial_values import without_values
from keras_torch.engine.tensor_layout import Reshaped, SplitLinear
from keras_torch.layers.core import activate
from keras_torch.layers.lora import LoRA
from keras_torch.layers.spatial import whole_numbers

Shape = tuple[int | None, ...]
_FORM = re.compile(r"(0?)([a-zA-Z]+)(0?),([a-zA-Z]+)->(0?)([a-zA-Z]+)(0?)")


class Equation:
    """The letters of `equation` and the sizes that they have for one input shape and the given output sizes."""

    def __init__(self, equation: str, input_shape: Shape, output_shape: Shape, layer: str) -> None:
        self.layer = layer
        self.text = equation
        self.inputs, self.kernel, self.outputs, self.elided_left, elided_right = self._letters()
        elided = len(input_shape) - len(self.inputs)
        fits = elided == 0 if not (self.elided_left or elided_right) else elided > 0 or not self.elided_left
        if not fits:
            raise self._error(f"must fit the rank of the inputs. Received: input shape {input_shape}")
        left = elided if self.elided_left else 0
        right = elided - left
        tail = input_shape[len(input_shape) - right :]
        self.output_shape = (input_shape[0], *input_shape[1 : max(left, 1)], *output_shape, *tail)
        self.elided_right = right
        found = self.output_shape[left : len(self.output_shape) - right]
        if len(found) != len(self.outputs):
            wanted = len(self.outputs) - (0 if left else 1)
            raise self._error(f"needs {wanted} sizes in `output_shape`. Received: output_shape={output_shape}")
        self.sizes: dict[str, int | None] = dict(zip(self.inputs, input_shape[left:], strict=False))
        self._take_output_sizes(found, input_shape)

    def _letters(self) -> tuple[str, str, str, bool, bool]:
        match = _FORM.fullmatch(self.text.replace(" ", "").replace("...", "0"))
        if match is None or match[1] != match[5] or match[3] != match[7] or (match[1] and match[3]):
            raise self._error("must have the form 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'")
        return match[2], match[4], match[6], bool(match[1]), bool(match[3])

    def _take_output_sizes(self, found: Shape, input_shape: Shape) -> None:
        for letter, size in zip(self.outputs, found, strict=True):
            known = self.sizes.get(letter)
            if letter in self.inputs and size is not None and known is not None and size != known:
                raise self._error(
                    f"has the axis {letter!r} in inputs and outputs, so both must have one size. Received: input shape "
                    f"{input_shape}, output shape {self.output_shape}"
                )
            if letter not in self.inputs and letter not in self.kernel:
                raise self._error(f"has the output axis {letter!r} neither in the inputs nor in the kernel")
            self.sizes[letter] = size if known is None else known
        for letter in self.kernel:
            if self.sizes.get(letter) is None:
                raise self._error(
                    f"must give every axis of the kernel a known size, but {letter!r} has none. Received: input shape "
                    f"{input_shape}, output shape {self.output_shape}"
                )

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"Layer {self.layer!r}: the `equation` {self.text!r} {problem}")

    @property
    def fixed_axes(self) -> dict[int, int | None]:
        """The input axes, counted from the end, that the kernel has too, and their sizes."""
        letters = enumerate(reversed(self.inputs), 1)
        return {-place: self.sizes[letter] for place, letter in letters if letter in self.kernel}

    @property
    def known_output_shape(self) -> Shape:
        """The output shape with the sizes that the inputs give."""
        left = len(self.output_shape) - self.elided_right - len(self.outputs)
        named = [self.sizes[letter] for letter in self.outputs]
        return (*self.output_shape[:left], *named, *self.output_shape[left + len(named) :])

    def shape(self, letters: str) -> tuple[int, ...]:
        """The sizes of some of the kernel's axes."""
        return tuple(self.sizes[letter] for letter in letters)  # type: ignore[misc]

    def bias_shape(self, axes: str) -> tuple[int, ...]:
        """The shape of a bias over the output axes `axes`; ValueError if one is not there, or of unknown size."""
        for letter in axes:
            if letter not in self.outputs or self.sizes[letter] is None:
                raise self._error(f"must have every letter of `bias_axes`, with a known size, in the outputs: {axes!r}")
        first = min(self.outputs.index(letter) for letter in axes)
        sizes = [self.sizes[letter] if letter in axes else 1 for letter in self.outputs[first:]]
        return (*sizes, *(1,) * self.elided_right)  # type: ignore[arg-type]

    @property
    def linear(self) -> tuple[str, str] | None:
        """The letters that are summed and those that are new, if the equation is a product over the last axes."""
        summed = "".join(letter for letter in self.inputs if letter not in self.outputs)
        new = "".join(letter for letter in self.outputs if letter not in self.inputs)
        kept = self.inputs.removesuffix(summed)
        fits = (
            bool(summed and new)
            and self.inputs == kept + summed
            and self.outputs == kept + new
            and len({*self.inputs, *new}) == len(self.inputs) + len(new)
            and sorted(self.kernel) == sorted(summed + new)
            and not self.elided_right
        )
        return (summed, new) if fits else None


class EinsumDense(LoRA, Layer):
    """`activation(einsum(equation, inputs, kernel) + bias)`, e.g. with the equation "abc,cde->abde".

    An equation that sums over the last axes is an `nn.Linear` between a flattening and a splitting of axes, both views;
    any other is `torch.einsum`. `output_shape` holds the sizes of the output axes without the batch (and what `...`
    stands for), None where the input knows them; `bias_axes` the output axes that the bias has. ValueError for an
    equation that cannot be read or does not fit the shapes.
    """

    _accepts_integers = False

    _from_config = False

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._take_lora(lora_rank, lora_alpha)
        if not isinstance(equation, str):
            raise TypeError(f"Layer {self.name!r}: `equation` must be a string. Received: equation={equation!r}")
        self.equation = equation
        sizes = tuple(output_shape) if isinstance(output_shape, Sequence) else (output_shape,)
        self.partial_output_shape: Shape = tuple(
            None if size is None else whole_numbers(size, 1, "output_shape", self.name)[0] for size in sizes
        )
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any) -> None:
        plan = self._plan(input_shape)
        kernel_options: dict[str, Any] = {
            "initializer": self._scaled_initializer(plan),
            "regularizer": self.kernel_regularizer,
            "constraint": self.kernel_constraint,
        }
        bias_options: dict[str, Any] = {
            "initializer": self.bias_initializer,
            "regularizer": self.bias_regularizer,
            "constraint": self.bias_constraint,
        }
        bias_shape = plan.bias_shape(self.bias_axes) if self.bias_axes else None
        self._fused_bias = False
        if plan.linear is None:
            self.add_weight(plan.shape(plan.kernel), name="kernel", **kernel_options)
        else:
            summed, new = plan.linear
            self._split = plan.shape(new)
            self._summed = len(summed)
            self._fused_bias = bias_shape == self._split
            self._add_linear(plan, summed, new, kernel_options, bias_options if self._fused_bias else None)
        if bias_shape is None:
            self.bias: Any = None
        elif not self._fused_bias:
            self.add_weight(bias_shape, name="bias", **bias_options)
        self._is_linear = plan.linear is not None
        # An equation with leading dots takes inputs of any rank.
        self.input_spec = InputSpec(
            ndim=None if plan.elided_left else len(input_shape),
            min_ndim=len(plan.inputs),
            axes=plan.fixed_axes if plan.elided_left else None,
        )
        self.built = True
        self._build_lora()

    def _plan(self, input_shape: Any) -> Equation:
        return Equation(self.equation, tuple(input_shape), self.partial_output_shape, self.name)

    def _add_linear(self, plan: Equation, summed: str, new: str, kernel: dict[str, Any], bias: Any) -> None:
        outputs, inputs = plan.shape(new), plan.shape(summed)
        self.linear = without_values(nn.Linear, math.prod(inputs), math.prod(outputs), bias=bias is not None)
        order = tuple((new + summed).index(letter) for letter in plan.kernel)
        self.add_view("kernel", "linear.weight", SplitLinear(outputs, inputs, order), **kernel)
        if bias is not None:
            self.add_view("bias", "linear.bias", Reshaped((math.prod(outputs),), outputs), **bias)

    def _scaled_initializer(self, plan: Equation) -> Any:
        """Let the fans of variance scaling be the summed and the other axes of the kernel, as in Keras 3."""
        given = self.kernel_initializer
        if not isinstance(given, initializers.VarianceScaling) or config.dialect() in ("1", "2", "tf"):
            return given
        if given.input_axes is not None and given.output_axes is not None:
            return given
        scaled = copy.copy(given)
        scaled.output_axes = [axis for axis, letter in enumerate(plan.kernel) if letter in plan.outputs]
        scaled.input_axes = [axis for axis in range(len(plan.kernel)) if axis not in scaled.output_axes]
        return scaled

    def call(self, inputs: Tensor) -> Tensor:
        if not self._is_linear:
            output = torch.einsum(self.equation, inputs, self.kernel)
            return self.activation(output if self.bias is None else output + self.bias)
        linear = self.linear
        output = linear(inputs if self._summed == 1 else inputs.flatten(-self._summed))
        if len(self._split) > 1:
            output = output.reshape(output.shape[:-1] + self._split)
        if self.bias is not None and not self._fused_bias:
            output = output + self.bias
        return activate(output, self.activation, linear)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape that `output_shape` gives; except in Keras 3, the input fills what it leaves open.

        So it does for layers from configs, which may have been written where that was known.
        """
        plan = self._plan(input_shape)
        return plan.output_shape if config.dialect() == "3" and not self._from_config else plan.known_output_shape

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a layer from what `get_config` returned."""
        layer = super().from_config(config, custom_objects)
        layer.__dict__["_from_config"] = True
        return layer

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "equation": self.equation,
            "output_shape": self.partial_output_shape,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            **self._lora_config(),
        }
