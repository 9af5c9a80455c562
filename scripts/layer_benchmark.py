"""Compare layers, forward and backward, with bare torch modules of the same meaning; recurrent ones also with Keras 3.

Each row makes a layer and a torch module with the same weights, checks that their outputs agree, and times in turn one
forward and backward pass of each in training mode, gradients of inputs and weights included. Where torch has a choice
of memory format the faster one is the opponent. A round takes the median of at least five passes of each side.
Printed: the median times and the median (and range) over the rounds of the ratio ours / torch. The rows of `--keras`
are settings that torch's fused recurrent kernels cannot serve; they need Keras 3 (`KERAS_BACKEND=torch`) in the same
environment, and print the ratio Keras 3 / ours.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import keras_torch
from keras_torch import layers

NHWC, NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
LENGTHS = torch.arange(20, 84).clamp(max=80)


@dataclass
class Row:
    """A layer, its inputs (a shape, or arrays), options of the call, and what makes the torch modules to compare with.

    images: the torch module takes (N, C, H, W). random: outputs differ by chance, so only shapes are compared.
    """

    layer: Callable[[], Any]
    shape: tuple[int, ...]
    module: Callable[[Any], Any]
    images: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    random: bool = False


def conv_like(kind: type[nn.Module], **options: Any) -> Callable[[Any], nn.Module]:
    """A torch convolution with the weights of the layer's inner one."""

    def make(layer: Any) -> nn.Module:
        inner = layer.conv
        bare = kind(inner.in_channels, inner.out_channels, inner.kernel_size, stride=inner.stride, **options)
        bare.load_state_dict(inner.state_dict())
        return bare

    return make


def separable(layer: Any) -> nn.Module:
    """A depthwise and a pointwise nn.Conv2d."""
    depthwise, pointwise, bias = (torch.as_tensor(w) for w in layer.get_weights())
    channels = depthwise.shape[2]
    first = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    second = nn.Conv2d(channels, len(bias), 1)
    with torch.no_grad():
        first.weight.copy_(depthwise.permute(2, 3, 0, 1))
        second.weight.copy_(pointwise.permute(3, 2, 0, 1))
        second.bias.copy_(bias)  # type: ignore[union-attr]
    return nn.Sequential(first, second)


def fill_recurrent(module: nn.RNNBase, suffix: str, weights: list[np.ndarray]) -> None:
    """Copy Keras's kernel, recurrent kernel and bias into a torch layer."""
    kernel, recurrent, bias = (torch.as_tensor(w) for w in weights)
    gates = [1, 0, 2] if isinstance(module, nn.GRU) else [0, 1, 2, 3]
    order = lambda w: torch.cat([w.chunk(len(gates), -1)[gate] for gate in gates], -1)  # noqa: E731
    rows = order(bias)
    rows = rows if rows.dim() == 2 else torch.stack((rows, torch.zeros_like(rows)))
    values = (order(kernel).t(), order(recurrent).t(), rows[0], rows[1])
    with torch.no_grad():
        for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), values, strict=True):
            getattr(module, f"{name}_l0{suffix}").copy_(value)


class Steps(nn.Module):
    """The outputs of all steps of a torch recurrent layer, on packed sequences if there are lengths."""

    def __init__(self, module: nn.RNNBase, lengths: torch.Tensor | None = None) -> None:
        super().__init__()
        self.module = module
        self.lengths = lengths

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run on (batch, time, features)."""
        if self.lengths is None:
            return self.module(x)[0]
        packed = pack_padded_sequence(x, self.lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.module(packed)[0], batch_first=True, total_length=x.shape[1])[0]


def recurrent(kind: type[nn.RNNBase]) -> Callable[[Any], nn.Module]:
    """A torch recurrent layer with the weights of ours."""

    def make(layer: Any) -> nn.Module:
        kernel = layer.get_weights()[0]
        module = kind(kernel.shape[0], layer.units, batch_first=True)
        fill_recurrent(module, "", layer.get_weights())
        return Steps(module)

    return make


def bidirectional(layer: Any) -> nn.Module:
    """A bidirectional nn.LSTM on packed sequences."""
    weights = layer.get_weights()
    module = nn.LSTM(weights[0].shape[0], weights[1].shape[0], batch_first=True, bidirectional=True)
    fill_recurrent(module, "", weights[:3])
    fill_recurrent(module, "_reverse", weights[3:])
    return Steps(module, LENGTHS)


class SelfAttention(nn.Module):
    """Linear projections around `F.scaled_dot_product_attention`."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        super().__init__()
        self.heads = weights[0].shape[1]
        width = weights[0].shape[0]
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(4))
        with torch.no_grad():
            for linear, kernel, bias in zip(self.linears, weights[::2], weights[1::2], strict=True):
                linear.weight.copy_(torch.as_tensor(kernel).reshape(width, width).t())  # type: ignore[operator]
                linear.bias.copy_(torch.as_tensor(bias).reshape(-1))  # type: ignore[operator, union-attr]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend within (batch, time, width)."""
        q, k, v = (linear(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for linear in self.linears[:3])
        return self.linears[3](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Twice(layers.Layer):
    """`MultiHeadAttention` of a sequence to itself, as a layer of one input."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = layers.MultiHeadAttention(8, 32)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Attend within (batch, time, width)."""
        return self.attention(inputs, inputs)


IMAGES = (32, 56, 56, 64)
SEQUENCES = (64, 80, 128)
ROWS: dict[str, Row] = {
    "Conv2D valid": Row(lambda: layers.Conv2D(64, 3), IMAGES, conv_like(nn.Conv2d), True),
    "Conv2D same": Row(lambda: layers.Conv2D(64, 3, padding="same"), IMAGES, conv_like(nn.Conv2d, padding=1), True),
    "Conv2DTranspose": Row(
        lambda: layers.Conv2DTranspose(32, 2, strides=2), (16, 28, 28, 64), conv_like(nn.ConvTranspose2d), True
    ),
    "SeparableConv2D": Row(lambda: layers.SeparableConv2D(64, 3, padding="same"), IMAGES, separable, True),
    "BatchNormalization": Row(
        layers.BatchNormalization, IMAGES, lambda layer: nn.BatchNorm2d(64, eps=1e-3, momentum=0.01), True
    ),
    "MaxPooling2D": Row(layers.MaxPooling2D, IMAGES, lambda layer: nn.MaxPool2d(2), True),
    "LSTM": Row(lambda: layers.LSTM(128, return_sequences=True), SEQUENCES, recurrent(nn.LSTM)),
    "GRU reset_after": Row(lambda: layers.GRU(128, return_sequences=True), SEQUENCES, recurrent(nn.GRU)),
    "Bidirectional LSTM, mask": Row(
        lambda: layers.Bidirectional(layers.LSTM(128, return_sequences=True)),
        SEQUENCES,
        bidirectional,
        options={"mask": torch.arange(80) < LENGTHS[:, None]},
    ),
    "MultiHeadAttention": Row(Twice, (16, 128, 256), lambda layer: SelfAttention(layer.get_weights())),
    "Dropout": Row(lambda: layers.Dropout(0.5), (256, 8192), lambda layer: nn.Dropout(0.5), random=True),
}
MIDDLE = torch.arange(80 * 64).reshape(64, 80) % 7 > 1
KERAS_ROWS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "LSTM, mask with gaps": (lambda k: k.layers.LSTM(128, return_sequences=True), {"mask": MIDDLE}),
    "GRU, mask with gaps": (lambda k: k.layers.GRU(128, return_sequences=True), {"mask": MIDDLE}),
    "LSTM, recurrent_dropout": (lambda k: k.layers.LSTM(128, recurrent_dropout=0.2, return_sequences=True), {}),
    "GRU, recurrent_dropout": (lambda k: k.layers.GRU(128, recurrent_dropout=0.2, return_sequences=True), {}),
    "LSTM, activation relu": (lambda k: k.layers.LSTM(128, activation="relu", return_sequences=True), {}),
    "GRU, reset_after=False": (lambda k: k.layers.GRU(128, reset_after=False, return_sequences=True), {}),
    "SimpleRNN, sigmoid": (lambda k: k.layers.SimpleRNN(128, activation="sigmoid", return_sequences=True), {}),
}


def step(
    function: Callable[..., torch.Tensor], weights: list[Any], x: torch.Tensor, **options: Any
) -> Callable[[], None]:
    """Return a function that makes one forward and backward pass."""
    output = function(x, **options)
    upstream = torch.randn_like(output)

    def run() -> None:
        x.grad = None
        for weight in weights:
            weight.grad = None
        function(x, **options).backward(upstream)

    return run


def sides_of(row: Row, device: torch.device) -> dict[str, Callable[[], None]]:
    """Return our step and those of the torch modules, after a check that they compute the same."""
    layer = row.layer()
    x = torch.randn(row.shape, device=device)
    options = {key: value.to(device) for key, value in row.options.items()}
    layer.to(device)
    layer(x, **options)
    module = row.module(layer).to(device)
    layer.train()
    module.train()
    memory = x.permute(NCHW) if row.images else x
    expected = module(memory).detach()
    if row.images:
        expected = expected.permute(NHWC)
    found = layer(x, **options).detach()
    if row.random:
        assert found.shape == expected.shape
    else:
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    parameters, own = list(module.parameters()), list(layer.parameters())
    sides = {"ours": step(layer, own, x.clone().requires_grad_(), **options)}
    sides["torch"] = step(module, parameters, memory.detach().clone().requires_grad_())
    if row.images:
        sides["torch NCHW"] = step(module, parameters, memory.detach().contiguous().requires_grad_())
    return sides


def compare(sides: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Time the sides step by step in turn, and return for each round the median seconds of a step."""
    for function in sides.values():
        function()
    slowest = max(timed(function) for function in sides.values())
    count = max(5, min(50, int(0.2 / slowest)))
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        gc.collect()
        steps: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(count):
            order = list(sides) if number % 2 == 0 else list(reversed(sides))
            for side in order:
                steps[side].append(timed(sides[side]))
        for side, seconds in steps.items():
            times[side].append(statistics.median(seconds))
    return times


def timed(function: Callable[[], None]) -> float:
    """Seconds of a call, with the GPU's work done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def report(name: str, times: dict[str, list[float]], first: str, second: str) -> None:
    """Print the medians and the pairwise ratios first / second."""
    medians = "  ".join(f"{side} {statistics.median(seconds) * 1e3:8.3f} ms" for side, seconds in times.items())
    ratios = [a / b for a, b in zip(times[first], times[second], strict=True)]
    low, high = min(ratios), max(ratios)
    print(
        f"{name:<26} {medians}  {first} / {second} {statistics.median(ratios):.3f} ({low:.3f}-{high:.3f})", flush=True
    )


def against_keras(rounds: int, only: str, device: torch.device) -> None:
    """Compare the settings without a fused kernel with Keras 3 on torch."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    for name, (make, options) in KERAS_ROWS.items():
        if only not in name:
            continue
        options = {key: value.to(device) for key, value in options.items()}
        sides = {}
        for side, library in (("ours", keras_torch), ("Keras 3", keras)):
            layer = make(library)
            layer(torch.randn(SEQUENCES, device=device))
            weights = [w if isinstance(w, torch.nn.Parameter) else w.value for w in layer.trainable_weights]
            x = torch.randn(SEQUENCES, device=device, requires_grad=True)
            sides[side] = step(layer, weights, x, training=True, **options)
        report(name, compare(sides, rounds), "Keras 3", "ours")


def main() -> None:
    """Run the rows that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--keras", action="store_true", help="the rows against Keras 3 on torch")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    machine = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {machine}, {options.rounds} rounds")
    if options.keras:
        against_keras(options.rounds, options.only, device)
        return
    for name, row in ROWS.items():
        if options.only in name:
            times = compare(sides_of(row, device), options.rounds)
            opponents = [side for side in times if side != "ours"]
            report(name, times, "ours", min(opponents, key=lambda side: statistics.median(times[side])))


if __name__ == "__main__":
    main()
