"""`tf.nn` where TensorFlow's arguments or results differ from those of the functions that files hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from keras_torch import backend, ops
from keras_torch.distributed import Share
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.replicas import Replica
from keras_torch.models.operations import tensorflow_math
from keras_torch.models.operations.tensorflow_table import FUNCTIONS


def matmul(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
    """Multiply matrices, transposed or not."""
    return FUNCTIONS["matmul"](convert_to_tensor(a), convert_to_tensor(b), *args, **kwargs)


def dropout(x: Any, rate: Any = None, noise_shape: Any = None, seed: Any = None, keep_prob: Any = None) -> Any:
    """Set values to 0 with probability `rate`, and scale the others so that the mean stays."""
    return tensorflow_math.dropout(convert_to_tensor(x), rate, noise_shape, seed, keep_prob)


def _dropout_v1(x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: Any = None, rate: Any = None) -> Any:
    return dropout(x, rate, noise_shape, seed, keep_prob)


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Any:
    """The cross-entropy of distributions over classes, from logits; one value a row."""
    labels, logits = convert_to_tensor(labels), convert_to_tensor(logits)
    return ops.sum(ops.multiply(ops.negative(labels), ops.log_softmax(logits, axis)), axis)


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Any:
    """The cross-entropy of independent probabilities, from logits; one value an element."""
    labels, logits = convert_to_tensor(labels), convert_to_tensor(logits)
    return F.binary_cross_entropy_with_logits(logits, ops.cast(labels, logits.dtype), reduction="none")


def weighted_cross_entropy_with_logits(labels: Any, logits: Any, pos_weight: Any) -> Any:
    """`sigmoid_cross_entropy_with_logits` with the positive labels weighted."""
    labels, logits = convert_to_tensor(labels), convert_to_tensor(logits)
    weight = 1 + (pos_weight - 1) * labels
    return (1 - labels) * logits + weight * (F.softplus(-torch.abs(logits)) + torch.relu(-logits))


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, partition_strategy: str = "mod") -> Any:
    """The rows of a table."""
    return tensorflow_math.embedding_lookup(params, convert_to_tensor(ids), max_norm)


def compute_average_loss(per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None) -> Any:
    """The sum of the losses of samples over the number of samples of all replicas, by default as many in each."""
    loss = convert_to_tensor(per_example_loss)
    weighted = loss if sample_weight is None else loss * convert_to_tensor(sample_weight).to(loss.dtype)
    return torch.sum(weighted) / (loss.shape[0] * _replicas() if global_batch_size is None else global_batch_size)


def scale_regularization_loss(regularization_loss: Any) -> Any:
    """The sum of regularization losses over the number of replicas."""
    return torch.sum(convert_to_tensor(regularization_loss)) / _replicas()


def _replicas() -> int:
    """The number of replicas whose gradients are summed: those of `strategy.run`."""
    return Share.current.world if isinstance(Share.current, Replica) else 1


def top_k(input: Any, k: Any = 1, sorted: bool = True, index_type: Any = "int32") -> Any:  # noqa: A002
    """The `k` largest values along the last axis, and where they are: of equal ones the first, unlike torch.topk."""
    values, indices = torch.sort(convert_to_tensor(input), dim=-1, descending=True, stable=True)
    return TopK(values[..., : int(k)], ops.cast(indices[..., : int(k)], index_type))


class TopK(NamedTuple):
    """The largest values, and where they are."""

    values: Any
    indices: Any


def pool(
    input: Any,  # noqa: A002
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: str = "VALID",
    data_format: Any = None,
    dilations: Any = None,
) -> Any:
    """Pool over windows: `"MAX"` or `"AVG"`, with steps of 1 unless told otherwise."""
    if dilations not in (None, 1) and any(item != 1 for item in dilations):
        raise ValueError(f"`tf.nn.pool` has no dilations here. Received: dilations={dilations!r}")
    function = FUNCTIONS["max_pool" if pooling_type.upper() == "MAX" else "avg_pool"]
    return function(convert_to_tensor(input), window_shape, strides or 1, padding, data_format)


def local_response_normalization(
    input: Any,  # noqa: A002
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
) -> Any:
    """Divide by the squares of the neighbouring channels (channels last)."""
    x = convert_to_tensor(input)
    size = 2 * depth_radius + 1
    # torch divides `alpha` by the number of channels in the window.
    found = F.local_response_norm(torch.movedim(x, -1, 1), size, alpha * size, beta, bias)
    return torch.movedim(found, 1, -1)


def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False) -> Any:
    """The Poisson loss from the logarithm of the rate, one value an element."""
    found = F.poisson_nll_loss(
        convert_to_tensor(log_input), convert_to_tensor(targets), full=compute_full_loss, reduction="none"
    )
    return found


def conv1d_transpose(
    input: Any,  # noqa: A002
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
) -> Any:
    """The transposed convolution of sequences, channels last."""
    step = strides if isinstance(strides, int) else strides[len(strides) // 2]
    x = ops.expand_dims(convert_to_tensor(input), 1)
    filters = ops.expand_dims(convert_to_tensor(filters), 0)
    shape = (output_shape[0], 1, *output_shape[1:])
    return ops.squeeze(FUNCTIONS["conv2d_transpose"](x, filters, shape, (1, step), padding), 1)


def ctc_loss(
    labels: Any,
    logits: Any,
    label_length: Any,
    logit_length: Any,
    logits_time_major: bool = True,
    unique: Any = None,
    blank_index: int | None = None,
) -> Any:
    """The connectionist temporal classification loss, one value a sample (`torch.nn.functional.ctc_loss`)."""
    logits, labels = convert_to_tensor(logits), convert_to_tensor(labels)
    logits = logits if logits_time_major else logits.transpose(0, 1)
    blank = (blank_index or 0) % logits.shape[-1]
    frames, symbols = (convert_to_tensor(item).long() for item in (logit_length, label_length))
    return F.ctc_loss(torch.log_softmax(logits, -1), labels.long(), frames, symbols, blank, "none")


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether the class of each row is among its `k` largest values."""
    return backend.in_top_k(convert_to_tensor(predictions), convert_to_tensor(targets), k)


NAMES = {
    "linalg.matmul matmul": matmul,
    "nn.compute_average_loss": compute_average_loss,
    "nn.conv1d_transpose": conv1d_transpose,
    "nn.ctc_loss": ctc_loss,
    "nn.dropout": dropout,
    "nn.embedding_lookup": embedding_lookup,
    "nn.in_top_k math.in_top_k": in_top_k,
    "nn.local_response_normalization nn.lrn": local_response_normalization,
    "nn.log_poisson_loss": log_poisson_loss,
    "nn.pool": pool,
    "nn.scale_regularization_loss": scale_regularization_loss,
    "nn.sigmoid_cross_entropy_with_logits": sigmoid_cross_entropy_with_logits,
    "nn.softmax_cross_entropy_with_logits nn.softmax_cross_entropy_with_logits_v2": softmax_cross_entropy_with_logits,
    "nn.top_k math.top_k": top_k,
    "nn.weighted_cross_entropy_with_logits": weighted_cross_entropy_with_logits,
}
VERSION_1 = {
    "batch_matmul": matmul,
    "nn.dropout": _dropout_v1,
    "nn.xw_plus_b": lambda x, weights, biases: x @ weights + biases,
}
