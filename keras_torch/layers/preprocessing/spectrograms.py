"""Spectrograms of audio: MelSpectrogram and STFTSpectrogram."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.engine import InputSpec, Layer
from keras_torch.initializers import STFT
from keras_torch.initializers.stft import check_window, window_values

# The mel scale: 1127 mel for each e-fold above 700 Hz.
_BREAK, _QUALITY = 700.0, 1127.0


def _checked_length(owner: str, name: str, value: Any) -> int:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or int(value) < 1:
        raise ValueError(f"{owner}: `{name}` must be a positive integer. Received: {value!r}")
    return int(value)


class MelSpectrogram(Layer):
    """Power of the mel frequencies over time, in decibels: (batch, time) to (batch, `num_mel_bins`, frames).

    By `torch.stft` with frames centred on multiples of `sequence_stride`. Decibels are cut off `top_db` below the
    loudest of the batch. A single signal (time,) will do.
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: float = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = f"Layer {self.name!r}"
        self.fft_length = _checked_length(owner, "fft_length", fft_length)
        self.sequence_stride = _checked_length(owner, "sequence_stride", sequence_stride)
        self.sequence_length = _checked_length(owner, "sequence_length", sequence_length or fft_length)
        if self.fft_length < self.sequence_length:
            raise ValueError(
                f"{owner}: `fft_length` must be at least `sequence_length`. "
                f"Received: {self.fft_length} and {self.sequence_length}"
            )
        if isinstance(window, str) and window not in ("hann", "hamming"):
            raise ValueError(f"{owner}: `window` must be 'hann', 'hamming', an array or None. Received: {window!r}")
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = _checked_length(owner, "num_mel_bins", num_mel_bins)
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power

    def _matrix(self, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """Triangles around the mel frequencies: (frequencies, mel bins)."""

        def mel(frequency: Any) -> Any:
            return _QUALITY * torch.log(1.0 + frequency / _BREAK)

        limits = [torch.full((), float(f), dtype=dtype, device=device) for f in (self.min_freq, self.max_freq)]
        nodes = torch.arange(self.num_mel_bins + 2, dtype=dtype, device=device) / (self.num_mel_bins + 1)
        edges = torch.lerp(mel(limits[0]), mel(limits[1]), nodes)
        bins = torch.linspace(0.0, self.sampling_rate / 2.0, self.fft_length // 2 + 1, dtype=dtype, device=device)
        place = mel(bins)[:, None]
        rising = (place - edges[:-2]) / (edges[1:-1] - edges[:-2])
        falling = (edges[2:] - place) / (edges[2:] - edges[1:-1])
        # The constant part has no place in the mel scale.
        return torch.minimum(rising, falling).clamp(min=0.0) * (bins > 0)[:, None]

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if inputs.dim() not in (1, 2):
            raise ValueError(
                f"Layer {self.name!r} takes signals (batch, time) or (time,). Received: shape {tuple(inputs.shape)}"
            )
        dtype = torch.float64 if self._compute_torch_dtype == torch.float64 else torch.float32
        signal = inputs.to(dtype)
        if signal.shape[0] == 0:
            frames = signal.shape[-1] // self.sequence_stride + 1
            return signal.new_zeros((0, self.num_mel_bins, frames)).to(self._compute_torch_dtype)
        values = window_values(self.window, self.sequence_length, True, f"Layer {self.name!r}")
        window = torch.ones(self.sequence_length) if values is None else torch.as_tensor(values)
        found = torch.stft(
            signal,
            self.fft_length,
            self.sequence_stride,
            self.sequence_length,
            window.to(signal.device, dtype),
            return_complex=True,
        )
        power = found.abs() ** self.mag_exp
        result = self._matrix(dtype, signal.device).t() @ power
        if self.power_to_db:
            loudness = 10.0 * torch.log10(result.clamp(min=self.min_power))
            loudness = loudness - 10.0 * math.log10(max(abs(self.ref_power), self.min_power))
            result = torch.maximum(loudness, loudness.amax() - self.top_db)
        return result.to(self._compute_torch_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        length = input_shape[-1]
        frames = None if length is None else length // self.sequence_stride + 1
        return (*input_shape[:-1], self.num_mel_bins, frames)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        names = (
            *("fft_length", "sequence_stride", "sequence_length", "window", "sampling_rate", "num_mel_bins"),
            *("min_freq", "max_freq", "power_to_db", "top_db", "mag_exp", "min_power", "ref_power"),
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """Short-time Fourier transform of (batch, time, channels) by `F.conv1d`, with kernels that can be trained.

    `mode` says what of the complex numbers comes out. Frequencies of all channels stand side by side, or in an axis of
    their own with `expand_dims`. The kernels begin as `initializers.STFT`.
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = f"Layer {self.name!r}"
        for name, value, choices in (
            ("mode", mode, _MODES),
            ("scaling", scaling, ("density", "spectrum", None)),
            ("padding", padding, ("valid", "same")),
        ):
            if value not in choices:
                raise ValueError(f"{owner}: `{name}` must be one of {choices}. Received: {value!r}")
        self.frame_length = _checked_length(owner, "frame_length", frame_length)
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(f"{owner}: `frame_step` must be from 1 to `frame_length`. Received: {frame_step!r}")
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(f"{owner}: `fft_length` must be at least `frame_length`. Received: {fft_length!r}")
        if fft_length is not None and fft_length & (fft_length - 1):
            warnings.warn(f"{owner}: `fft_length` should be a power of two. Received: {fft_length}", stacklevel=2)
        self.mode, self.scaling, self.padding = mode, scaling, padding
        self.frame_step, self.fft_length = frame_step, fft_length
        self._step = frame_step or max(frame_length // 2, 1)
        self._bins = (fft_length or 2 ** math.ceil(math.log2(frame_length))) // 2 + 1
        self.window, self.periodic = check_window(window, owner), periodic
        self.expand_dims = expand_dims
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape: Any) -> None:
        shape = (self.frame_length, 1, self._bins)
        for side, unused in (("real", "imag"), ("imag", "real")):
            if self.mode != unused:
                initializer = STFT(side, self.window, self.scaling, self.periodic)
                self.add_weight(name=f"{side}_kernel", shape=shape, initializer=initializer)
        self.built = True

    def _transformed(self, signal: torch.Tensor, kernel: Any) -> torch.Tensor:
        """Convolve (batch, channels, time) channel by channel: (batch, channels, frequencies, frames)."""
        channels = signal.shape[1]
        weight = torch.as_tensor(kernel).to(signal.dtype).permute(2, 1, 0)
        found = F.conv1d(signal.flatten(0, 1)[:, None], weight, stride=self._step)
        return found.unflatten(0, (signal.shape[0], channels))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if not inputs.is_floating_point():
            raise TypeError(
                f"Layer {self.name!r} takes floats, but got dtype {config.dtype_name(inputs.dtype)}. Convert the "
                "signal first, e.g. with `x.astype('float32')`."
            )
        # Half precision has no room for the square of a small number.
        working = torch.float32 if inputs.dtype in (torch.float16, torch.bfloat16) else inputs.dtype
        return self._spectrogram(inputs.to(working)).to(inputs.dtype)

    def _spectrogram(self, inputs: torch.Tensor) -> torch.Tensor:
        signal = inputs.transpose(1, 2) if self.data_format == "channels_last" else inputs
        if self.padding == "same":
            size = signal.shape[-1]
            missing = max((-(-size // self._step) - 1) * self._step + self.frame_length - size, 0)
            signal = F.pad(signal, (missing // 2, missing - missing // 2))
        parts = [self._transformed(signal, weight.value) for weight in self._own_weights]
        if self.mode in ("real", "imag"):
            return self._arranged(parts[0])
        if self.mode == "angle":
            return self._arranged(torch.atan2(parts[1], parts[0]))
        if self.mode == "stft":
            return self._arranged(torch.cat(parts, 2))
        power = parts[0].square() + parts[1].square()
        if self.mode == "psd":
            # All but the first and the last frequency stand for two.
            return self._arranged(power + F.pad(power[:, :, 1:-1], (0, 0, 1, 1)))
        magnitude = self._arranged(power.clamp(min=config.epsilon()).sqrt())
        return magnitude if self.mode == "magnitude" else magnitude.clamp(min=config.epsilon()).log()

    def _arranged(self, found: torch.Tensor) -> torch.Tensor:
        if self.expand_dims:
            return found.permute((0, 3, 2, 1) if self.data_format == "channels_last" else (0, 1, 3, 2))
        found = found.flatten(1, 2)
        return found.transpose(1, 2) if self.data_format == "channels_last" else found

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        channels_last = self.data_format == "channels_last"
        batch, *others = input_shape
        time, channels = others if channels_last else reversed(others)
        frames = None
        if time is not None:
            frames = -(-time // self._step) if self.padding == "same" else (time - self.frame_length) // self._step + 1
            if frames < 1:
                raise ValueError(
                    f"Layer {self.name!r}: a signal must have at least `frame_length` ({self.frame_length}) steps, or "
                    f"give `padding='same'`. Received: input shape {tuple(input_shape)}"
                )
        count = self._bins * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (batch, frames, count, channels) if channels_last else (batch, channels, frames, count)
        both = None if channels is None else count * channels
        return (batch, frames, both) if channels_last else (batch, both, frames)

    def get_config(self) -> dict[str, Any]:
        names = (
            *("mode", "frame_length", "frame_step", "fft_length", "window", "periodic", "scaling", "padding"),
            *("data_format", "expand_dims"),
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
