"""Fourier transforms and windows of sequences. Complex numbers are pairs of real and imaginary parts, as in Keras."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.ops.arguments import convert, floating, operation


def _complex(x: Any) -> Any:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"`x` must be a pair of tensors, the real and the imaginary parts. Received: x={x!r}")
    real, imaginary = (floating(item) for item in x)
    if real.shape != imaginary.shape:
        raise ValueError(
            "The real and the imaginary parts must have the same shape. Received: "
            f"{tuple(real.shape)} and {tuple(imaginary.shape)}"
        )
    return torch.complex(real, imaginary)


def _parts(x: Any) -> tuple[Any, Any]:
    return torch.real(x), torch.imag(x)


@operation
def fft(x: Any) -> Any:
    """The Fourier transform over the last axis."""
    return _parts(torch.fft.fft(_complex(x)))


@operation
def fft2(x: Any) -> Any:
    """The Fourier transform over the last two axes."""
    return _parts(torch.fft.fft2(_complex(x)))


@operation
def ifft2(x: Any) -> Any:
    """The inverse Fourier transform over the last two axes."""
    return _parts(torch.fft.ifft2(_complex(x)))


@operation
def rfft(x: Any, fft_length: int | None = None) -> Any:
    """The Fourier transform of real values over the last axis: its non-redundant half."""
    return _parts(torch.fft.rfft(floating(x), fft_length, norm="backward"))


@operation
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The inverse of `rfft`."""
    return torch.fft.irfft(_complex(x), fft_length, norm="backward")


@operation
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """The windows of a length, so many steps apart, along the last axis."""
    return convert(x).unfold(-1, sequence_length, sequence_stride)


def _window(window: Any, length: int, fft_length: int, like: Any) -> Any:
    if window is None:
        made = torch.ones(length, device=like.device, dtype=like.dtype)
    elif isinstance(window, str):
        kinds = {"hann": torch.hann_window, "hamming": torch.hamming_window}
        if window not in kinds:
            raise ValueError(f"`window` must be 'hann', 'hamming', values or None. Received: window={window!r}")
        made = kinds[window](length, periodic=True, device=like.device, dtype=like.dtype)
    else:
        made = convert(window).to(like.device, like.dtype)
    before = (fft_length - length) // 2
    return torch.nn.functional.pad(made, (before, fft_length - length - before))


@operation
def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann", center: bool = True
) -> Any:
    """The short-time Fourier transform over the last axis: (..., windows, frequencies)."""
    x = floating(x)
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must not be less than `sequence_length`. Received: "
            f"sequence_length={sequence_length}, fft_length={fft_length}"
        )
    made = _window(window, sequence_length, fft_length, x)
    flat = x.reshape(-1, x.shape[-1])
    found = torch.stft(flat, fft_length, sequence_stride, window=made, center=center, return_complex=True)
    found = found.transpose(-2, -1)
    return _parts(found.reshape(*x.shape[:-1], *found.shape[-2:]))


@operation
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """The inverse of `stft`; not a number where windows overlap too little. Without a `window` they are only added."""
    found = _complex(x).transpose(-2, -1)
    made = _window(window, sequence_length, fft_length, torch.real(found))
    flat = found.reshape(-1, *found.shape[-2:])
    if center and window is not None and sequence_length == fft_length:
        result = torch.istft(flat, fft_length, sequence_stride, window=made, center=True, length=length)
    else:
        frames = torch.fft.irfft(flat, fft_length, dim=1)
        result = _overlapped(frames, None if window is None else made, sequence_stride)
        start = fft_length // 2 if center else 0
        result = result[:, start : start + length if length is not None else result.shape[1] - start]
    return result.reshape(*found.shape[:-2], -1)


def _overlapped(frames: Any, window: Any, stride: int) -> Any:
    """Add windows (batch, values, windows) up; the ends, where fewer windows lie, count as if all did."""
    count = frames.shape[1]
    if window is not None:
        squares = torch.nn.functional.pad(window.square(), (0, -count % stride)).reshape(-1, stride)
        frames = frames * (window / squares.sum(0).repeat(len(squares))[:count])[:, None]
    size = count + stride * (frames.shape[-1] - 1)
    return torch.nn.functional.fold(frames, (1, size), (1, count), stride=(1, stride))[:, 0, 0]
