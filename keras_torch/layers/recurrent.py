"""SimpleRNN, GRU and LSTM; this module also carries what `keras.layers.recurrent` had in Keras 2: RNN and the cells."""

from __future__ import annotations

from typing import Any

from keras_torch import regularizers
from keras_torch.engine import InputSpec, Layer
from keras_torch.engine.input_spec import check_inputs
from keras_torch.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_torch.layers.rnn import RNN
from keras_torch.layers.stacked_cells import StackedRNNCells

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell", "StackedRNNCells"]


def _from_cell(name: str) -> property:
    """Return a property that reads and sets an attribute of the layer's cell."""
    return property(lambda self: getattr(self.cell, name), lambda self, value: setattr(self.cell, name, value))


def _cell_options(prefix: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a layer hands to its cell as they are."""
    return {
        "name": f"{prefix}_cell",
        "dtype": options.get("dtype"),
        "trainable": options.get("trainable", True),
    }


class BuiltInRNN(RNN):
    """What SimpleRNN, GRU and LSTM share: their arguments are those of their cell, and so are their weights."""

    _accepts_integers = False

    units = _from_cell("units")
    activation = _from_cell("activation")
    use_bias = _from_cell("use_bias")
    kernel_initializer = _from_cell("kernel_initializer")
    recurrent_initializer = _from_cell("recurrent_initializer")
    bias_initializer = _from_cell("bias_initializer")
    kernel_regularizer = _from_cell("kernel_regularizer")
    recurrent_regularizer = _from_cell("recurrent_regularizer")
    bias_regularizer = _from_cell("bias_regularizer")
    kernel_constraint = _from_cell("kernel_constraint")
    recurrent_constraint = _from_cell("recurrent_constraint")
    bias_constraint = _from_cell("bias_constraint")
    dropout = _from_cell("dropout")
    recurrent_dropout = _from_cell("recurrent_dropout")
    seed = _from_cell("seed")

    def __init__(self, cell: Any, use_cudnn: bool | str = "auto", **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        if use_cudnn not in ("auto", True, False):
            raise ValueError(f'Layer {self.name!r}: `use_cudnn` must be "auto", True or False. Received: {use_cudnn!r}')
        self.use_cudnn = use_cudnn
        self._may_fuse = use_cudnn is not False and not self.unroll
        self.input_spec = InputSpec(ndim=3)

    def _build_once(self, *shapes: Any) -> None:
        unused = [name for name in ("step", "get_constants", "preprocess_input") if hasattr(type(self), name)]
        if unused and type(self).call is RNN.call:
            raise NotImplementedError(
                f"Layer {self.name!r}: {type(self).__name__} defines Keras 1's {', '.join(f'`{n}`' for n in unused)}, "
                "which the recurrent layers of today do not run. Derive it from `Recurrent`, or override `call` of a "
                "cell and pass that to `RNN`. "
                f"Received: a subclass of {type(self).__mro__[1].__name__}"
            )
        super()._build_once(*shapes)

    def build(self, input_shape: Any) -> None:
        """Build the cell; ValueError where `use_cudnn=True` asks for the fused module and there is none."""
        check_inputs(self.input_spec, [tuple(input_shape)], self.name)
        super().build(input_shape)
        if self.use_cudnn is True and not (self._may_fuse and self.cell.is_fused):
            raise ValueError(
                f"Layer {self.name!r}: torch has no fused module for these settings (`use_cudnn=True`). Use the "
                'default activations and `unroll=False`, or `use_cudnn="auto"`.'
            )

    def get_config(self) -> dict[str, Any]:
        own = {**self._own_config(), **self.cell.arguments()}
        own["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return {**Layer.get_config(self), **own}


class SimpleRNN(BuiltInRNN):
    """Fully connected recurrence over (batch, time, features): `nn.RNN` for tanh and relu. See `SimpleRNNCell`."""

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **_cell_options("simple_rnn", kwargs),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class GRU(BuiltInRNN):
    """Gated recurrent unit over (batch, time, features): `nn.GRU` for the default settings. See `GRUCell`."""

    implementation = _from_cell("implementation")
    recurrent_activation = _from_cell("recurrent_activation")
    reset_after = _from_cell("reset_after")

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            reset_after=reset_after,
            seed=seed,
            implementation=implementation,
            **_cell_options("gru", kwargs),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            use_cudnn=use_cudnn,
            **kwargs,
        )


class LSTM(BuiltInRNN):
    """Long short-term memory over (batch, time, features): `nn.LSTM` for the default settings. See `LSTMCell`."""

    implementation = _from_cell("implementation")
    recurrent_activation = _from_cell("recurrent_activation")
    unit_forget_bias = _from_cell("unit_forget_bias")

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            implementation=implementation,
            **_cell_options("lstm", kwargs),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            use_cudnn=use_cudnn,
            **kwargs,
        )
