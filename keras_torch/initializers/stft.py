"""Kernels of a short-time Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.signal import windows

from keras_torch import config
from keras_torch.initializers.base import Initializer

# Names of `scipy.signal.get_window` for which torch has the window.
_WINDOWS: dict[str, Callable[..., Tensor]] = {
    "bartlett": windows.bartlett,
    "blackman": windows.blackman,
    "cosine": windows.cosine,
    "hamming": windows.hamming,
    "hann": windows.hann,
    "nuttall": windows.nuttall,
    "boxcar": lambda size, sym, **options: torch.ones(size, **options),
}


def window_values(window: Any, size: int, periodic: bool, owner: str) -> np.ndarray | None:
    """Return the values of a window given by name, as an array, or None. Rare names need SciPy."""
    if window is None:
        return None
    if not isinstance(window, str):
        values = np.asarray(window, dtype="float64")
        if values.shape != (size,):
            raise ValueError(f"{owner}: `window` must have {size} values. Received: shape {values.shape}")
        return values
    if window in _WINDOWS:
        return _WINDOWS[window](size, sym=not periodic, dtype=torch.float64, device="cpu").numpy()
    try:
        from scipy import signal

        return signal.get_window(window, size, periodic)
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"{owner}: `window` must be one of {sorted(_WINDOWS)}, an array, None, or with SciPy (`pip install scipy`) "
            f"the name of another window of `scipy.signal`. Received: {window!r}"
        ) from error


def check_window(window: Any, owner: str) -> Any:
    """Return `window`; ValueError if it is the name of none."""
    if isinstance(window, str):
        window_values(window, 1, False, owner)
    return window


class STFT(Initializer):
    """Cosines (`side="real"`) or sines ("imag") times a window, for a kernel (frame length, 1, frequencies).

    `window` is a name, an array or None; `scaling` divides by its root of squares ("density"), by its sum ("spectrum")
    or not at all (None). Used by the layer `STFTSpectrogram`.
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"`side` of STFT must be 'real' or 'imag'. Received: {side!r}")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"`scaling` of STFT must be 'density', 'spectrum' or None. Received: {scaling!r}")
        self.side = side
        self.window = check_window(window, "STFT")
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        target = config.torch_dtype(dtype)
        working = torch.float64 if target == torch.float64 else torch.float32
        if len(shape) != 3:
            raise ValueError(f"STFT initializes kernels (frame length, 1, frequencies). Received: shape {tuple(shape)}")
        frame, _, count = shape
        frequency = torch.arange(count, dtype=working) / ((count - 1) * 2)
        time = torch.arange(frame, dtype=working)[:, None, None]
        angle = (-2 * time) * frequency * math.pi
        kernel = torch.cos(angle) if self.side == "real" else torch.sin(angle)
        values = window_values(self.window, frame, self.periodic, "STFT")
        if values is not None:
            found = torch.as_tensor(values).to(device=kernel.device, dtype=working)
            scale: Any = 1.0
            if self.scaling is not None:
                scale = found.square().sum().sqrt() if self.scaling == "density" else found.abs().sum()
            kernel = kernel * found[:, None, None] / scale
        return kernel.to(target)

    def get_config(self) -> dict[str, Any]:
        window = (
            self.window if self.window is None or isinstance(self.window, str) else np.asarray(self.window).tolist()
        )
        return {"side": self.side, "window": window, "periodic": self.periodic, "scaling": self.scaling}
