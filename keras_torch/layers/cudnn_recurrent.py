"""CuDNNLSTM and CuDNNGRU of Keras 2: the fused LSTM and GRU, with weights as cuDNN stores them; they run anywhere."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from keras_torch.engine.initial_values import without_values
from keras_torch.engine.tensor_layout import CUDNN_BIAS, CUDNN_KERNEL
from keras_torch.layers.recurrent import BuiltInRNN
from keras_torch.layers.recurrent_cells import BuiltInCell, GRUCell, LSTMCell

# What the layers cannot be told.
_FIXED = frozenset(
    {"activation", "recurrent_activation", "use_bias", "dropout", "recurrent_dropout", "reset_after", "unroll"}
)


class _CuDNNCell(BuiltInCell):
    """What the two cells share: all weights stay in torch's module, and in Keras's layout they are cuDNN's."""

    def _storage(self, name: str) -> tuple[Any, Any]:
        if name == "bias":
            return ("rnn.bias_ih_l0", "rnn.bias_hh_l0"), CUDNN_BIAS[self.gates]
        return f"rnn.weight_{'ih' if name == 'kernel' else 'hh'}_l0", CUDNN_KERNEL[self.gates]

    def _input_product(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError(f"Layer {self.name!r} runs whole sequences only. Use `LSTMCell` or `GRUCell`.")


class _CuDNNLSTMCell(_CuDNNCell, LSTMCell):
    def _torch_module(self, features: int) -> nn.RNNBase:
        return without_values(nn.LSTM, features, self.units, batch_first=True)

    def _bias_values(self) -> Any:
        """The forget gate's ones stand in the recurrent half."""
        recurrent = super()._bias_values()

        def initialize(shape: Any, dtype: Any = None) -> Tensor:
            half = shape[0] // 2
            first = torch.as_tensor(self.bias_initializer((half,), dtype=dtype))
            return torch.cat((first, torch.as_tensor(recurrent((half,), dtype=dtype))))

        return initialize


class _CuDNNGRUCell(_CuDNNCell, GRUCell):
    pass


class CuDNNRNN(BuiltInRNN):
    """Base of CuDNNLSTM and CuDNNGRU. ValueError for masked inputs, as in Keras 2."""

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        super().__init__(cell, use_cudnn=True, unroll=False, zero_output_for_mask=False, time_major=False, **kwargs)
        self.supports_masking = False

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return no masks. ValueError for masked inputs."""
        self._refuse_mask(mask)
        return super().compute_mask(inputs, None)

    def _step_mask(self, mask: Any, inputs: Tensor) -> None:
        self._refuse_mask(mask)

    def _refuse_mask(self, mask: Any) -> None:
        if mask is not None:
            raise ValueError(
                f"Layer {self.name!r}: {type(self).__name__} takes no masked inputs. Received: a mask. Use "
                f"`{type(self).__name__.removeprefix('CuDNN')}`, which reads the same weight files."
            )

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key not in _FIXED}


class CuDNNLSTM(CuDNNRNN):
    """LSTM over (batch, time, features) by `nn.LSTM`: kernel (features, 4 * units), recurrent_kernel, bias (8 * units).

    Computes what `LSTM` with its defaults of Keras 3 computes. Removed in Keras 2.4.
    """

    def __init__(
        self,
        units: int,
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
        return_sequences: bool = False,
        return_state: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = _CuDNNLSTMCell(
            units,
            activation="tanh",
            recurrent_activation="sigmoid",
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
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class CuDNNGRU(CuDNNRNN):
    """GRU over (batch, time, features) by `nn.GRU`: kernel (features, 3 * units), recurrent_kernel, bias (6 * units).

    Computes what `GRU` with its defaults of Keras 3 (`reset_after=True`) computes. Removed in Keras 2.4.
    """

    def __init__(
        self,
        units: int,
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
        return_sequences: bool = False,
        return_state: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = _CuDNNGRUCell(
            units,
            reset_after=True,
            activation="tanh",
            recurrent_activation="sigmoid",
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
