"""New tensors: constants, ranges, grids, windows."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.ops.arguments import convert, floating, operation, result_dtype, sizes


def _dtype(dtype: Any) -> torch.dtype:
    return config.torch_dtype(dtype)


@operation
def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros of a shape."""
    return torch.zeros(sizes(shape), dtype=_dtype(dtype), device=config.default_device())


@operation
def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones of a shape."""
    return torch.ones(sizes(shape), dtype=_dtype(dtype), device=config.default_device())


@operation
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A shape filled with a value, or with values that fit its last axes."""
    value = convert(fill_value, None if dtype is None else _dtype(dtype))
    value = value if dtype is not None or value.dtype.is_floating_point else value.to(_dtype(None))
    return torch.broadcast_to(value, sizes(shape)).clone()


@operation
def empty(shape: Any, dtype: Any = None) -> Any:
    """Values of a shape that nobody has set."""
    return torch.empty(sizes(shape), dtype=_dtype(dtype), device=config.default_device())


@operation
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of the shape of `x`."""
    x = convert(x)
    return torch.zeros_like(x, dtype=x.dtype if dtype is None else _dtype(dtype))


@operation
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones of the shape of `x`."""
    x = convert(x)
    return torch.ones_like(x, dtype=x.dtype if dtype is None else _dtype(dtype))


@operation
def empty_like(x: Any, dtype: Any = None) -> Any:
    """Values of the shape of `x` that nobody has set."""
    x = convert(x)
    return torch.empty_like(x, dtype=x.dtype if dtype is None else _dtype(dtype))


@operation
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """The shape of `x` filled with a value."""
    x = convert(x)
    value = convert(fill_value).to(x.device, x.dtype if dtype is None else _dtype(dtype))
    return torch.broadcast_to(value, x.shape).clone()


def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on diagonal `k` of `N` rows and `M` columns."""
    if isinstance(N, float) or isinstance(M, float):
        raise TypeError(f"`eye` takes whole numbers of rows and columns. Received: N={N!r}, M={M!r}")
    rows, columns = int(N), int(N if M is None else M)
    result = torch.zeros(rows, columns, dtype=_dtype(dtype), device=config.default_device())
    if -rows < k < columns:
        result.diagonal(k).fill_(1)
    return result


def identity(n: Any, dtype: Any = None) -> Any:
    """Ones on the diagonal of `n` rows and columns."""
    return eye(n, dtype=dtype)


def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on and below diagonal `k` of `N` rows and `M` columns."""
    return torch.tril(ones((N, N if M is None else M), dtype), k)


@operation
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Evenly spaced values from `start`, or 0, up to but without `stop`; int32 unless a float is given."""
    start, stop = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    wanted = _dtype(dtype) if dtype is not None else result_dtype(start, stop, step)
    wanted = torch.int32 if wanted is torch.bool and dtype is None else wanted
    spaced = torch.arange(start, stop, step, device=config.default_device(), dtype=_wide(dtype))
    return spaced.to(wanted)


def _wide(dtype: Any) -> torch.dtype | None:
    """Return float64 where that is wanted: numbers keep all their digits then."""
    return torch.float64 if dtype is not None and _dtype(dtype) is torch.float64 else None


def _spaced(start: Any, stop: Any, num: int, endpoint: bool, axis: int, dtype: Any = None) -> tuple[Any, Any]:
    """Return `num` values along a new axis, and their distance."""
    start, stop = floating(convert(start, _wide(dtype))), floating(convert(stop, _wide(dtype)))
    shape = torch.broadcast_shapes(start.shape, stop.shape)
    dtype = torch.promote_types(start.dtype, stop.dtype)
    start, stop = start.to(dtype).expand(shape), stop.to(start.device, dtype).expand(shape)
    parts = num - 1 if endpoint else num
    step = (stop - start) / parts if parts > 0 else torch.full_like(start, torch.nan)
    places = torch.arange(num, device=start.device, dtype=dtype).reshape(-1, *[1] * len(shape))
    values = start + places * step if parts > 0 else start.expand(num, *shape)
    if endpoint and num > 1:
        values = torch.cat((values[:-1], stop[None]))
    return values.movedim(0, axis), step


@operation
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """`num` evenly spaced values from `start` to `stop`; with `retstep` their distance too."""
    values, step = _spaced(start, stop, num, endpoint, axis, dtype)
    values = values if dtype is None else values.to(_dtype(dtype))
    if retstep:
        return values, step if hasattr(start, "shape") or hasattr(stop, "shape") else step.item()
    return values


@operation
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Any:
    """`base` to the power of `linspace`."""
    values = torch.pow(base, _spaced(start, stop, num, endpoint, axis, dtype)[0])
    return values if dtype is None else values.to(_dtype(dtype))


@operation
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """`num` values from `start` to `stop`, each the same multiple of the one before."""
    start, stop = floating(convert(start, _wide(dtype))), floating(convert(stop, _wide(dtype)))
    values = _spaced(torch.log(torch.abs(start)), torch.log(torch.abs(stop)), num, endpoint, axis)[0]
    values = torch.exp(values) * torch.sign(start)
    return values if dtype is None else values.to(_dtype(dtype))


@operation
def meshgrid(*x: Any, indexing: str = "xy") -> Any:
    """Coordinate grids of vectors; numbers count as vectors of one."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"`indexing` must be 'xy' or 'ij'. Received: {indexing!r}")
    return list(torch.meshgrid([convert(item).reshape(-1) for item in x], indexing=indexing))


@operation
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of a vector as columns, falling unless `increasing`."""
    x = convert(x)
    return torch.vander(x, N, increasing=increasing).to(x.dtype)


@operation
def bartlett(x: Any) -> Any:
    """The triangular window of `x` values."""
    return torch.bartlett_window(int(x), periodic=False, dtype=_dtype(None))


@operation
def blackman(x: Any) -> Any:
    """The Blackman window of `x` values."""
    return torch.blackman_window(int(x), periodic=False, dtype=_dtype(None))


@operation
def hamming(x: Any) -> Any:
    """The Hamming window of `x` values."""
    return torch.hamming_window(int(x), periodic=False, dtype=_dtype(None))


@operation
def hanning(x: Any) -> Any:
    """The Hann window of `x` values."""
    return torch.hann_window(int(x), periodic=False, dtype=_dtype(None))


@operation
def kaiser(x: Any, beta: Any) -> Any:
    """The Kaiser window of `x` values."""
    return torch.kaiser_window(int(x), periodic=False, beta=float(beta), dtype=_dtype(None))
