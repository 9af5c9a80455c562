"""`tf.linalg` and `tf.signal`: torch's functions, with TensorFlow's arguments and orders of results."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from keras_torch.backend.tensors import recorded
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import as_dtype
from keras_torch.dropin.tensorflow.sizes import ints


@recorded
def set_diag(input: Any, diagonal: Any, k: int = 0, align: str = "RIGHT_LEFT") -> Any:  # noqa: A002
    """Return matrices with a diagonal replaced."""
    if not isinstance(k, int):
        raise ValueError(f"`tf.linalg.set_diag` sets one diagonal. Received: k={k!r}")
    return torch.diagonal_scatter(convert_to_tensor(input), convert_to_tensor(diagonal), k, -2, -1)


def inv(input: Any, adjoint: bool = False) -> Any:  # noqa: A002
    """The inverse of matrices."""
    x = convert_to_tensor(input)
    return torch.linalg.inv(x.mH if adjoint else x)


def pinv(a: Any, rcond: Any = None) -> Any:
    """The pseudo-inverse of matrices."""
    return torch.linalg.pinv(convert_to_tensor(a), rtol=rcond)


def solve(matrix: Any, rhs: Any, adjoint: bool = False) -> Any:
    """The solution of systems of linear equations."""
    matrix = convert_to_tensor(matrix)
    return torch.linalg.solve(matrix.mH if adjoint else matrix, convert_to_tensor(rhs))


def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False) -> Any:
    """The solution of triangular systems of linear equations."""
    matrix = convert_to_tensor(matrix)
    matrix, upper = (matrix.mH, lower) if adjoint else (matrix, not lower)
    return torch.linalg.solve_triangular(matrix, convert_to_tensor(rhs), upper=upper)


def cholesky_solve(chol: Any, rhs: Any) -> Any:
    """The solution of systems of linear equations whose matrices have these Cholesky factors."""
    return torch.cholesky_solve(convert_to_tensor(rhs), convert_to_tensor(chol))


def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True) -> Any:
    """The solution of least squares."""
    matrix, rhs = convert_to_tensor(matrix), convert_to_tensor(rhs)
    if not l2_regularizer:
        return torch.linalg.lstsq(matrix, rhs).solution
    eye = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return torch.linalg.solve(matrix.mT @ matrix + l2_regularizer * eye, matrix.mT @ rhs)


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    """Singular values, and the left and right singular vectors (the latter not transposed)."""
    if not compute_uv:
        return torch.linalg.svdvals(convert_to_tensor(tensor))
    u, s, vh = torch.linalg.svd(convert_to_tensor(tensor), full_matrices)
    return s, u, vh.mH


def qr(input: Any, full_matrices: bool = False) -> Any:  # noqa: A002
    """An orthogonal and a triangular factor."""
    return tuple(torch.linalg.qr(convert_to_tensor(input), "complete" if full_matrices else "reduced"))


def eigh(tensor: Any) -> Any:
    """Eigenvalues, rising, and eigenvectors of symmetric matrices."""
    return tuple(torch.linalg.eigh(convert_to_tensor(tensor)))


def eigvalsh(tensor: Any) -> Any:
    """Eigenvalues, rising, of symmetric matrices."""
    return torch.linalg.eigvalsh(convert_to_tensor(tensor))


def slogdet(input: Any) -> Any:  # noqa: A002
    """The sign of the determinant and the logarithm of its absolute value."""
    return tuple(torch.linalg.slogdet(convert_to_tensor(input)))


def diag(
    diagonal: Any,
    k: Any = 0,
    num_rows: Any = -1,
    num_cols: Any = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Any:
    """Matrices with the last axis on a diagonal."""
    if not isinstance(k, int) or (num_rows, num_cols) != (-1, -1) or padding_value:
        raise ValueError("`tf.linalg.diag` makes square matrices with one diagonal and zeros beside it.")
    return torch.diag_embed(convert_to_tensor(diagonal), k)


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None) -> Any:  # noqa: A002
    """The norm of vectors along an axis, of matrices in two; without `axis` all values are one vector."""
    x, keep = convert_to_tensor(tensor), bool(keepdims)
    if isinstance(axis, (list, tuple)) and len(axis) == 2:
        return torch.linalg.matrix_norm(x, "fro" if ord == "euclidean" else ord, tuple(axis), keep)
    order = 2 if ord in ("euclidean", "fro") else ord
    axis = axis[0] if isinstance(axis, (list, tuple)) else axis
    return torch.linalg.vector_norm(x, order, axis, keep)


def expm(input: Any) -> Any:  # noqa: A002
    """The exponential of matrices."""
    return torch.linalg.matrix_exp(convert_to_tensor(input))


def matrix_rank(a: Any, tol: Any = None) -> Any:
    """The ranks of matrices."""
    return torch.linalg.matrix_rank(convert_to_tensor(a), atol=tol).to(torch.int32)


def _complex(dtype: Any) -> Any:
    def call(input: Any, fft_length: Any = None) -> Any:  # noqa: A002
        length = None if fft_length is None else int(fft_length[0] if hasattr(fft_length, "__len__") else fft_length)
        return dtype(convert_to_tensor(input), n=length)

    call.__name__ = dtype.__name__
    return call


def hann_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    """The Hann window; TensorFlow's of an odd length is symmetric even if `periodic`."""
    return torch.hann_window(int(window_length), _is_periodic(window_length, periodic), dtype=as_dtype(dtype))


def hamming_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    """The Hamming window; TensorFlow's of an odd length is symmetric even if `periodic`."""
    return torch.hamming_window(int(window_length), _is_periodic(window_length, periodic), dtype=as_dtype(dtype))


def _is_periodic(window_length: Any, periodic: bool) -> bool:
    return bool(periodic) and int(window_length) % 2 == 0


@recorded
def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0, axis: int = -1
) -> Any:
    """Cut an axis into frames that overlap; with `pad_end` as many as there are steps."""
    signal = convert_to_tensor(signal)
    x = signal.movedim(axis, -1)
    length, step = int(frame_length), int(frame_step)
    if pad_end:
        frames = -(-x.shape[-1] // step)
        x = F.pad(x, (0, max(0, (frames - 1) * step + length - x.shape[-1])), value=float(pad_value))
    found = x.unfold(-1, length, step)
    place = axis if axis >= 0 else signal.ndim + axis
    return found.movedim(-2, place).movedim(-1, place + 1)


@recorded
def stft(
    signals: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Any = hann_window,
    pad_end: bool = False,
) -> Any:
    """The spectra of frames that overlap: the last axes are frames and frequencies."""
    length = int(frame_length)
    size = 2 ** max(length - 1, 0).bit_length() if fft_length is None else int(fft_length)
    frames = frame(signals, length, frame_step, pad_end)
    if window_fn is not None:
        frames = frames * window_fn(length).to(frames.device, frames.dtype)
    return torch.fft.rfft(frames, n=size)


@recorded
def overlap_and_add(signal: Any, frame_step: Any) -> Any:
    """Put frames together again, adding where they overlap."""
    x, step = convert_to_tensor(signal), int(frame_step)
    count, length = x.shape[-2:]
    total = (count - 1) * step + length
    flat = x.reshape(-1, count, length).mT
    found = F.fold(flat, (1, total), (1, length), stride=(1, step))
    return found.reshape(*x.shape[:-2], total)


def inverse_stft_window_fn(frame_step: Any, forward_window_fn: Any = hann_window) -> Any:
    """Return the window that makes `inverse_stft` undo `stft`."""
    step = int(frame_step)

    def window(frame_length: Any, dtype: Any = "float32") -> Any:
        forward = forward_window_fn(int(frame_length))
        overlaps = -(-int(frame_length) // step)
        squares = F.pad(forward.square(), (0, overlaps * step - len(forward))).reshape(overlaps, step).sum(0)
        return forward / squares.repeat(overlaps)[: len(forward)]

    return window


@recorded
def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Any = hann_window
) -> Any:
    """Signals of spectra of frames that overlap."""
    length = int(frame_length)
    size = 2 ** max(length - 1, 0).bit_length() if fft_length is None else int(fft_length)
    frames = torch.fft.irfft(convert_to_tensor(stfts), n=size)[..., :length]
    frames = F.pad(frames, (0, length - frames.shape[-1]))
    if window_fn is not None:
        frames = frames * window_fn(length).to(frames.device, frames.dtype)
    return overlap_and_add(frames, frame_step)


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: Any = 129,
    sample_rate: Any = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: Any = "float32",
) -> Any:
    """The matrix that turns spectrograms into mel spectrograms."""
    nyquist = float(sample_rate) / 2
    linear = torch.linspace(0.0, nyquist, int(num_spectrogram_bins), dtype=torch.float64)[1:]

    def mel(hertz: Any) -> Any:
        return 1127.0 * torch.log1p(torch.as_tensor(hertz, dtype=torch.float64) / 700.0)

    bins = mel(linear)[:, None]
    edges = torch.linspace(
        float(mel(lower_edge_hertz)), float(mel(upper_edge_hertz)), int(num_mel_bins) + 2, dtype=torch.float64
    )
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    slopes = torch.minimum((bins - lower) / (center - lower), (upper - bins) / (upper - center))
    return F.pad(slopes.clamp(min=0), (0, 0, 1, 0)).to(torch.float32)


def dct(input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:  # noqa: A002
    """The discrete cosine transform of type 2 along the last axis, by torch.fft."""
    if type != 2 or n is not None or axis != -1:
        raise ValueError(
            f"`tf.signal.dct` is of type 2, along the last axis. Received: type={type}, n={n}, axis={axis}"
        )
    x = convert_to_tensor(input)
    count = x.shape[-1]
    spectrum = torch.fft.rfft(x, n=2 * count)[..., :count]
    turn = torch.exp(-0.5j * torch.pi * torch.arange(count, device=x.device) / count)
    found = 2 * (spectrum * turn).real.to(x.dtype)
    if norm == "ortho":
        scale = torch.full((count,), (2 * count) ** -0.5, dtype=x.dtype, device=x.device)
        scale[0] = (4 * count) ** -0.5
        found = found * scale
    return found


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any) -> Any:
    """The cepstral coefficients of log mel spectrograms."""
    x = convert_to_tensor(log_mel_spectrograms)
    return dct(x) * (2.0 * x.shape[-1]) ** -0.5


def _grid(function: Any) -> Any:
    def call(input: Any, fft_length: Any = None) -> Any:  # noqa: A002
        sizes = None if fft_length is None else ints(fft_length)
        return function(convert_to_tensor(input), s=sizes, dim=(-2, -1))

    call.__name__ = function.__name__
    return call


def fftshift(x: Any, axes: Any = None) -> Any:
    """Move frequency 0 to the middle."""
    return torch.fft.fftshift(convert_to_tensor(x), axes)


NAMES = {
    "linalg.cholesky_solve": cholesky_solve,
    "linalg.diag": diag,
    "linalg.eigh eig_symmetric linalg.eig_symmetric": eigh,
    "linalg.eigvalsh": eigvalsh,
    "linalg.expm": expm,
    "linalg.inv": inv,
    "linalg.lstsq": lstsq,
    "linalg.norm norm": norm,
    "linalg.matrix_rank": matrix_rank,
    "linalg.pinv": pinv,
    "linalg.qr": qr,
    "linalg.set_diag": set_diag,
    "linalg.slogdet": slogdet,
    "linalg.solve": solve,
    "linalg.svd": svd,
    "linalg.triangular_solve": triangular_solve,
    "signal.dct": dct,
    "signal.fft": lambda input: torch.fft.fft(convert_to_tensor(input)),
    "signal.fft2d": _grid(torch.fft.fft2),
    "signal.fftshift": fftshift,
    "signal.frame": frame,
    "signal.hamming_window": hamming_window,
    "signal.hann_window": hann_window,
    "signal.ifft": lambda input: torch.fft.ifft(convert_to_tensor(input)),
    "signal.ifft2d": _grid(torch.fft.ifft2),
    "signal.inverse_stft": inverse_stft,
    "signal.inverse_stft_window_fn": inverse_stft_window_fn,
    "signal.ifftshift": lambda x, axes=None: torch.fft.ifftshift(convert_to_tensor(x), axes),
    "signal.irfft": _complex(torch.fft.irfft),
    "signal.irfft2d": _grid(torch.fft.irfft2),
    "signal.linear_to_mel_weight_matrix": linear_to_mel_weight_matrix,
    "signal.mfccs_from_log_mel_spectrograms": mfccs_from_log_mel_spectrograms,
    "signal.overlap_and_add": overlap_and_add,
    "signal.rfft": _complex(torch.fft.rfft),
    "signal.rfft2d": _grid(torch.fft.rfft2),
    "signal.stft": stft,
}
VERSION_1 = {
    "diag": diag,
    "matrix_band_part": lambda input, num_lower, num_upper: torch.tril(
        torch.triu(convert_to_tensor(input), -num_lower if num_lower >= 0 else -(2**31)),
        num_upper if num_upper >= 0 else 2**31,
    ),
    "matrix_determinant": lambda input: torch.linalg.det(convert_to_tensor(input)),
    "matrix_diag": diag,
    "matrix_inverse": inv,
    "matrix_set_diag": set_diag,
    "matrix_solve": solve,
}
