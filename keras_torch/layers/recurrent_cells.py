"""SimpleRNNCell, GRUCell and LSTMCell: one step of a recurrence, or a whole sequence at once."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keras_torch import activations, config, constraints, initializers, regularizers
from keras_torch.engine.initial_values import without_values
from keras_torch.engine.tensor_layout import GRU_BIAS, GRU_KERNEL, IDENTITY, TRANSPOSED
from keras_torch.layers.dropout_masks import DropoutMasks
from keras_torch.layers.recurrent_autograd import GRUAfterLoop, GRULoop, Loop, LSTMLoop, find_loop, run_loop
from keras_torch.layers.recurrent_loop import Result, Step, last_cell_state, look_up_kept, pack_kept, run_steps
from keras_torch.layers.spatial import whole_numbers

_STEP_ACTIVATIONS: dict[Any, Callable[[Tensor], Tensor]] = {
    activations.sigmoid: torch.sigmoid,
    activations.tanh: torch.tanh,
    activations.relu: torch.relu,
}
_NONLINEARITIES = {activations.tanh: "tanh", activations.relu: "relu"}


class BuiltInCell(DropoutMasks):
    """What the three cells share: arguments, weights, dropout masks, and running a sequence.

    Where torch has a fused module that computes the same (`_torch_module`), the weights live in it and sequences run
    through it. Otherwise the input product of all steps is one matmul, and a step loop does the rest.
    """

    gates = 1
    state_count = 1
    _accepts_integers = False

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.units = whole_numbers(units, 1, "units", self.name)[0]
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = _rate(dropout, "dropout", self.name)
        self.recurrent_dropout = _rate(recurrent_dropout, "recurrent_dropout", self.name)
        self.implementation = _implementation(implementation, self.name)
        # Since tf.keras, recurrent dropout has a mask per gate whatever `implementation` is.
        self._implementation_decides = config.is_classic()
        self._masks: dict[str, Tensor] = {}

    @property
    def state_size(self) -> int | list[int]:
        """Width of the state, or a list of widths for several states."""
        return self.units if self.state_count == 1 else [self.units] * self.state_count

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return self.units

    def build(self, input_shape: Any) -> None:
        """Make kernel (features, gates * units), recurrent_kernel (units, gates * units) and bias."""
        features = input_shape[-1]
        if len(input_shape) != 2:
            raise ValueError(
                f"Layer {self.name!r} takes one time step of shape (batch, features). Received: input shape "
                f"{tuple(input_shape)}"
            )
        if features is None:
            raise ValueError(
                f"Layer {self.name!r} needs to know the size of the last axis of its inputs. Received: input "
                f"shape {tuple(input_shape)}. Give it in `Input(shape=...)`."
            )
        module = self._torch_module(features) if self._fits_torch() else None
        columns = self.gates * self.units
        shapes = {"kernel": (features, columns), "recurrent_kernel": (self.units, columns), "bias": self._bias_shape()}
        if not self.use_bias:
            del shapes["bias"]
            self.bias = None
        if module is not None:
            self.rnn = module
            self._claimed_modules.add("rnn")
        for name, shape in shapes.items():
            prefix = name.removesuffix("_kernel")
            options = {
                "initializer": self._bias_values() if name == "bias" else getattr(self, f"{prefix}_initializer"),
                "regularizer": getattr(self, f"{prefix}_regularizer"),
                "constraint": getattr(self, f"{prefix}_constraint"),
            }
            if module is None:
                setattr(self, name, self.add_weight(name=name, shape=shape, **options))
            else:
                self.add_view(name, *self._storage(name), **options)
        super().build(input_shape)

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _bias_values(self) -> Any:
        return self.bias_initializer

    def _torch_module(self, features: int) -> nn.RNNBase:
        """Return the torch module that computes this cell over a sequence, on the meta device."""
        raise NotImplementedError(f"{type(self).__name__} must define `_torch_module(features)`.")

    def _storage(self, name: str) -> tuple[Any, Any]:
        """Return the path(s) in the torch module and the layout of a weight."""
        if name == "bias":
            return "rnn.bias_ih_l0", IDENTITY
        return f"rnn.weight_{'ih' if name == 'kernel' else 'hh'}_l0", TRANSPOSED

    def _without_second_bias(self, module: nn.RNNBase) -> nn.RNNBase:
        """Turn torch's second bias, which Keras does not have, into a buffer of zeros."""
        if self.use_bias:
            del module.bias_hh_l0
            zeros = torch.zeros(self.gates * self.units, dtype=config.torch_dtype(self.variable_dtype))
            module.register_buffer("bias_hh_l0", zeros.to(config.default_device()))
        return module

    def _biases(self) -> tuple[Tensor | None, Tensor | None]:
        """Return the bias of the input product and that of the recurrent product."""
        return (None if self.bias is None else self.bias.value), None

    # Dropout: one mask for all steps of a sequence, as in Keras.

    def _operations(self) -> int:
        return self.gates * sum(0 < rate < 1 for rate in (self.dropout, self.recurrent_dropout))

    def _step_mask(self, kind: str, rate: float, like: Tensor) -> Tensor | None:
        """Return the scaled keep mask (masks, batch, features) in use, or None.

        There are `_mask_count` of them: one per gate, or one for all gates.
        """
        if not self.training or rate == 0.0:
            return None
        return self._keep_masks(kind, rate, like, self._mask_count)

    @property
    def _mask_count(self) -> int:
        """How many dropout masks there are: one per gate, or one for all gates."""
        per_gate = self.implementation == 1 or (self.recurrent_dropout and not self._implementation_decides)
        return self.gates if per_gate else 1

    @property
    def _drops_beyond_torch(self) -> bool:
        """Whether dropout is on that torch's modules cannot do: on states, or on the inputs of each gate."""
        return self.training and bool(self.recurrent_dropout or (self.dropout and self._mask_count > 1))

    def get_initial_state(self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None) -> Any:
        """Return zeros for each state."""
        if inputs is not None:
            zeros = [inputs.new_zeros(inputs.shape[0], self.units) for _ in range(self.state_count)]
        else:
            like = torch.empty(0, dtype=config.torch_dtype(dtype or self.compute_dtype), device=config.default_device())
            zeros = [like.new_zeros((batch_size or 0, self.units)) for _ in range(self.state_count)]
        return zeros if self.state_count > 1 else zeros[0]

    def call(self, inputs: Tensor, states: Any, training: bool | None = None) -> tuple[Tensor, Any]:
        """Take one step: return the output (batch, units) and the new states, nested as `states` is."""
        nested = isinstance(states, (list, tuple))
        if nested and len(states) != self.state_count or not nested and self.state_count > 1:
            raise ValueError(
                f"Layer {self.name!r} has {self.state_count} states. Received: `states` of "
                f"{len(states) if nested else 1}"
            )
        masks = self._recurrent_masks(states[0] if nested else states)
        step = self._step(self.recurrent_kernel.value, self._biases()[1], masks)
        output, new_states = step(self._input_product(inputs), list(states) if nested else [states])
        return output, (new_states if nested else new_states[0])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the output and of the states of one step."""
        output = (input_shape[0], self.units)
        return output, [output] * self.state_count

    def _input_product(self, inputs: Tensor) -> Tensor:
        """Return `inputs @ kernel + bias`, after input dropout, for one step or for a whole sequence."""
        sequence = inputs.dim() == 3
        mask = self._step_mask("input", self.dropout, inputs[:, 0] if sequence else inputs)
        if mask is not None and sequence:
            mask = mask.unsqueeze(2)
        return product(inputs, self.kernel.value, mask, self._biases()[0])

    def _recurrent_masks(self, state: Tensor) -> Tensor | None:
        masks = self._step_mask("recurrent", self.recurrent_dropout, state)
        return None if masks is None else masks.expand(self.gates, *state.shape)

    def _step(self, kernel: Tensor, bias: Tensor | None, masks: Tensor | None) -> Step:
        """Return the function (input product, states) → (output, new states); the bias is the recurrent product's."""
        raise NotImplementedError(f"{type(self).__name__} must define `_step(kernel, bias, masks)`.")

    def _loop(self) -> Loop | None:
        """Return the loop that has its own backward pass for these settings, or None."""
        return None

    def _run_steps(
        self,
        sums: Tensor,
        kernel: Tensor,
        bias: Tensor | None,
        masks: Tensor | None,
        states: Sequence[Tensor],
        every_output: bool,
    ) -> Result:
        return run_steps(self._step(kernel, bias, masks), sums, list(states), None, every_output)

    def run_sequence(
        self,
        inputs: Tensor,
        states: list[Tensor],
        mask: Tensor | None,
        every_output: bool,
        last_states: bool,
        fuse: bool,
    ) -> Result:
        """Run over `inputs` (batch, time, features); `last_states` tells whether the states are needed afterwards."""
        self._masks.clear()
        if not (fuse and self.is_fused) or self._drops_beyond_torch:
            looks_up = mask is not None and not (last_states and self.state_count > 1)
            return self._run_loop(inputs, states, mask, every_output, looks_up)
        dropped = self._step_mask("input", self.dropout, inputs[:, 0])
        if dropped is not None:
            inputs = inputs * dropped[0].unsqueeze(1)
        hidden = tuple(state.unsqueeze(0) for state in states)
        hx = hidden if self.state_count > 1 else hidden[0]
        if inputs.is_cuda and not torch.compiler.is_compiling():
            # cuDNN keeps what a backward pass needs in training mode only, which changes nothing else here.
            self.rnn.__dict__["training"] = self.training or torch.is_grad_enabled()
        if mask is None:
            outputs, final = self.rnn(inputs, hx)
            new_states = [state[0] for state in (final if self.state_count > 1 else (final,))]
            return outputs, new_states[0], new_states
        packed = pack_kept(inputs, mask)
        outputs = self.rnn(packed, hx)[0]
        sequence, last = look_up_kept(outputs, mask, every_output)
        new_states = [torch.where(mask.any(1, keepdim=True), last, states[0])]
        if last_states:
            new_states += self._more_states(packed, outputs, states, mask.sum(1, keepdim=True))
        return sequence, last, new_states

    def _more_states(self, inputs: Tensor, outputs: Tensor, states: list[Tensor], steps: Tensor) -> list[Tensor]:
        """Return the states but the first after the first `steps` (batch, 1) steps of a fused run."""
        return []

    def _run_loop(
        self, inputs: Tensor, states: list[Tensor], mask: Tensor | None, every_output: bool, looks_up: bool
    ) -> Result:
        """Run step by step; `looks_up` tells that a mask may be handled by `pack_kept`."""
        sums, kernel, bias = self._input_product(inputs), self.recurrent_kernel.value, self._biases()[1]
        masks = self._recurrent_masks(states[0])
        loop = self._loop()
        kind = inputs.device.type
        traced = torch.compiler.is_compiling() or kind == "meta" or torch.is_autocast_enabled(kind)
        if loop is None or traced or (mask is not None and not looks_up):
            return run_steps(self._step(kernel, bias, masks), sums, states, mask, every_output)
        if mask is None:
            return run_loop(loop, self._run_steps, sums, kernel, bias, masks, states, every_output)

        packed = pack_kept(sums, mask)
        outputs = run_loop(loop, self._run_steps, packed, kernel, bias, masks, states, True)[0]
        sequence, last = look_up_kept(outputs, mask, every_output)  # type: ignore[arg-type]
        return sequence, last, [torch.where(mask.any(1, keepdim=True), last, states[0])]

    @property
    def is_fused(self) -> bool:
        """Whether the weights live in a torch module that runs whole sequences as the settings ask now."""
        return "rnn" in self._modules and self._fits_torch()

    def _fits_torch(self) -> bool:
        """Whether torch has a module with the same activations and formula."""
        raise NotImplementedError(f"{type(self).__name__} must define `_fits_torch()`.")

    def _activation_function(self, name: str) -> Callable[[Tensor], Tensor]:
        function = getattr(self, name)
        return _STEP_ACTIVATIONS.get(function, function)

    def arguments(self) -> dict[str, Any]:
        """Return the part of the config that cell and layer share, in Keras's order."""
        found: dict[str, Any] = {"units": self.units, "activation": activations.serialize(self.activation)}
        found.update(self._gate_arguments())
        found["use_bias"] = self.use_bias
        for kind, family in (("initializer", initializers), ("regularizer", regularizers), ("constraint", constraints)):
            for weight in ("kernel", "recurrent", "bias"):
                found[f"{weight}_{kind}"] = family.serialize(getattr(self, f"{weight}_{kind}"))
        found.update(dropout=self.dropout, recurrent_dropout=self.recurrent_dropout)
        if self.implementation != 2:
            found["implementation"] = self.implementation
        if self.seed is not None:
            found["seed"] = self.seed
        return found

    def _gate_arguments(self) -> dict[str, Any]:
        return {}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.arguments()}


def _rate(value: Any, argument: str, layer: str) -> float:
    """Return a rate, moved into the range from 0 to 1 as Keras does."""
    if not isinstance(value, numbers.Real):
        raise ValueError(f"Layer {layer!r}: `{argument}` must be a number between 0 and 1. Received: {value!r}")
    return min(1.0, max(0.0, float(value)))


def _implementation(value: Any, layer: str) -> int:
    """Return 1 (a dropout mask per gate) or 2 (one for all); 0 is an early name of 1."""
    if value not in (0, 1, 2):
        raise ValueError(
            f"Layer {layer!r}: `implementation` must be 1 (a dropout mask per gate) or 2 (one mask). "
            f"Received: {value!r}"
        )
    return int(value) or 1


def product(x: Tensor, kernel: Tensor, masks: Tensor | None, bias: Tensor | None = None) -> Tensor:
    """Return `x @ kernel + bias`; with several dropout masks each masks `x` for its own block of columns."""
    if masks is None or masks.shape[0] == 1:
        return F.linear(x if masks is None else x * masks[0], kernel.t(), bias)
    parts = [(x * mask) @ block for mask, block in zip(masks, kernel.chunk(masks.shape[0], 1), strict=True)]
    joined = torch.cat(parts, -1)
    return joined if bias is None else joined + bias


class SimpleRNNCell(BuiltInCell):
    """`h' = activation(x @ kernel + h @ recurrent_kernel + bias)`. Sequences run through `nn.RNN` for tanh and relu."""

    def _fits_torch(self) -> bool:
        name = _NONLINEARITIES.get(self.activation)
        return name is not None and ("rnn" not in self._modules or self.rnn.nonlinearity == name)

    def _torch_module(self, features: int) -> nn.RNNBase:
        name = _NONLINEARITIES[self.activation]
        module = nn.RNN(features, self.units, nonlinearity=name, bias=self.use_bias, batch_first=True, device="meta")
        return self._without_second_bias(module)

    def _step(self, kernel: Tensor, bias: Tensor | None, masks: Tensor | None) -> Step:
        activation = self._activation_function("activation")

        def step(x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            h = activation(x + product(states[0], kernel, masks))
            return h, [h]

        return step


class GRUCell(BuiltInCell):
    """Gated recurrent unit (https://arxiv.org/abs/1406.1078), gates in the order update, reset, candidate.

    `reset_after=True` applies the reset gate behind the recurrent product, as cuDNN and `nn.GRU` do: sequences run
    through `nn.GRU` if the activations are tanh and sigmoid, too.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            implementation,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)

    def _fits_torch(self) -> bool:
        exact = (self.activation, self.recurrent_activation) == (activations.tanh, activations.sigmoid)
        return exact and self.reset_after

    def _torch_module(self, features: int) -> nn.RNNBase:
        return without_values(nn.GRU, features, self.units, bias=self.use_bias, batch_first=True)

    def _storage(self, name: str) -> tuple[Any, Any]:
        if name == "bias":
            return ("rnn.bias_ih_l0", "rnn.bias_hh_l0"), GRU_BIAS
        return super()._storage(name)[0], GRU_KERNEL

    def _bias_shape(self) -> tuple[int, ...]:
        columns = self.gates * self.units
        return (2, columns) if self.reset_after else (columns,)

    def _biases(self) -> tuple[Tensor | None, Tensor | None]:
        if self.bias is None or not self.reset_after:
            return super()._biases()
        return self.bias.value.unbind()  # type: ignore[return-value]

    def _loop(self) -> Loop | None:
        return find_loop(GRUAfterLoop if self.reset_after else GRULoop, self)

    def _step(self, kernel: Tensor, bias: Tensor | None, masks: Tensor | None) -> Step:
        activation = self._activation_function("activation")
        gate = self._activation_function("recurrent_activation")

        def reset_after(x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            h = states[0]
            x_z, x_r, x_h = x.chunk(3, 1)
            h_z, h_r, h_h = product(h, kernel, masks, bias).chunk(3, 1)
            candidate = activation(torch.addcmul(x_h, gate(x_r + h_r), h_h))
            h = torch.lerp(candidate, h, gate(x_z + h_z))
            return h, [h]

        gate_kernel, candidate_kernel = kernel.tensor_split([2 * self.units], 1)
        gate_masks, candidate_masks = (None, None) if masks is None else (masks[:2], masks[2:])

        def reset_before(x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            h = states[0]
            x_z, x_r, x_h = x.chunk(3, 1)
            h_z, h_r = product(h, gate_kernel, gate_masks).chunk(2, 1)
            candidate = activation(x_h + product(gate(x_r + h_r) * h, candidate_kernel, candidate_masks))
            h = torch.lerp(candidate, h, gate(x_z + h_z))
            return h, [h]

        return reset_after if self.reset_after else reset_before

    def _gate_arguments(self) -> dict[str, Any]:
        return {"recurrent_activation": activations.serialize(self.recurrent_activation)}

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "reset_after": self.reset_after}


class LSTMCell(BuiltInCell):
    """Long short-term memory (https://doi.org/10.1162/neco.1997.9.8.1735), gates in the order i, f, candidate, o.

    Sequences run through `nn.LSTM` if the activations are tanh and sigmoid.
    """

    gates = 4
    state_count = 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            implementation,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)

    def _fits_torch(self) -> bool:
        return (self.activation, self.recurrent_activation) == (activations.tanh, activations.sigmoid)

    def _torch_module(self, features: int) -> nn.RNNBase:
        module = without_values(nn.LSTM, features, self.units, bias=self.use_bias, batch_first=True)
        return self._without_second_bias(module)

    def _bias_values(self) -> Any:
        """With `unit_forget_bias` the forget gate starts with ones."""
        if not self.unit_forget_bias:
            return self.bias_initializer

        def initialize(shape: Sequence[int], dtype: Any = None) -> Tensor:
            first = torch.as_tensor(self.bias_initializer((self.units,), dtype=dtype))
            others = torch.as_tensor(self.bias_initializer((2 * self.units,), dtype=dtype))
            return torch.cat((first, torch.ones_like(first), others))

        return initialize

    def _more_states(self, inputs: Tensor, outputs: Tensor, states: list[Tensor], steps: Tensor) -> list[Tensor]:
        """`nn.LSTM` tells c after the last step only; before that it follows from the inputs and all h."""
        h, c = states
        columns = slice(3 * self.units)
        before = torch.cat((h.unsqueeze(1), outputs[:, :-1]), 1)
        bias = None if self.bias is None else self.bias.value[columns]
        sums = product(inputs, self.kernel.value[:, columns], None, bias)
        sums = sums + product(before, self.recurrent_kernel.value[:, columns], None)
        return [last_cell_state(sums, c, steps)]

    def _loop(self) -> Loop | None:
        return find_loop(LSTMLoop, self)

    def _step(self, kernel: Tensor, bias: Tensor | None, masks: Tensor | None) -> Step:
        activation = self._activation_function("activation")
        gate = self._activation_function("recurrent_activation")

        def step(x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            h, c = states
            sums = torch.addmm(x, h, kernel) if masks is None else x + product(h, kernel, masks)
            i, f, candidate, o = sums.chunk(4, 1)
            c = torch.addcmul(gate(i) * activation(candidate), gate(f), c)
            h = gate(o) * activation(c)
            return h, [h, c]

        return step

    def _gate_arguments(self) -> dict[str, Any]:
        return {"recurrent_activation": activations.serialize(self.recurrent_activation)}

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "unit_forget_bias": self.unit_forget_bias}
