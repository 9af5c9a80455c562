"""`keras.ops.linalg`: decompositions, inverses, norms and systems of linear equations, by torch.linalg."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from keras_torch.backend.devices import joined
from keras_torch.ops.arguments import floating, floats, operation


def _square(x: Any) -> Any:
    """Return square matrices as a tensor of floats. ValueError for others."""
    x = floating(x)
    if x.dim() < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"`x` must be a square matrix, or several of them. Received: shape {tuple(x.shape)}")
    return x


@operation
def cholesky(x: Any, upper: bool = False) -> Any:
    """The lower triangular root of positive definite matrices, or the upper one. ValueError for others."""
    try:
        return torch.linalg.cholesky(_square(x), upper=upper)
    except torch.linalg.LinAlgError as error:
        raise ValueError(f"`cholesky` takes positive definite matrices. {error}") from error


@operation
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of the matrices whose Cholesky factor is given."""
    return torch.cholesky_inverse(_square(x), upper=upper)


@operation
def det(x: Any) -> Any:
    """The determinant."""
    return torch.linalg.det(_square(x))


@operation
def slogdet(x: Any) -> Any:
    """The sign of the determinant and the logarithm of its absolute value."""
    return tuple(torch.linalg.slogdet(_square(x)))


@operation
def logdet(x: Any) -> Any:
    """The logarithm of the determinant of positive definite matrices."""
    return torch.logdet(_square(x))


@operation
def eig(x: Any) -> Any:
    """Eigenvalues and eigenvectors, complex."""
    return tuple(torch.linalg.eig(_square(x)))


@operation
def eigh(x: Any) -> Any:
    """Eigenvalues, increasing, and eigenvectors of symmetric matrices."""
    return tuple(torch.linalg.eigh(_square(x)))


@operation
def inv(x: Any) -> Any:
    """The inverse."""
    return torch.linalg.inv(_square(x))


@operation
def pinv(x: Any, rcond: Any = None) -> Any:
    """The pseudo-inverse; singular values below `rcond` times the largest count as 0."""
    return torch.linalg.pinv(floating(x), rtol=rcond)


@operation
def lu_factor(x: Any) -> Any:
    """The compact LU decomposition and the pivots, which count from 0."""
    factors, pivots = torch.linalg.lu_factor(floating(x))
    return factors, pivots - 1


@operation
def matrix_rank(x: Any, tol: Any = None) -> Any:
    """The number of singular values above `tol`."""
    return torch.linalg.matrix_rank(floating(x), **({} if tol is None else {"atol": tol, "rtol": 0.0})).to(torch.int32)


@operation
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 - the name in Keras
    """The norm of a vector (one axis) or a matrix (two), or of all values as one vector."""
    x = floating(x)
    if axis is None and ord is None:
        return torch.linalg.vector_norm(x, 2, tuple(range(x.dim())), keepdims)
    if axis is None:
        axis = 0 if x.dim() == 1 else (0, 1)
        if x.dim() > 2:
            raise ValueError(f"`norm` with `ord` needs an `axis` for a tensor of {x.dim()} axes. Received: ord={ord!r}")
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    if isinstance(axis, int) or len(axis) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axis, keepdims)
    return torch.linalg.matrix_norm(x, "fro" if ord is None else ord, axis, keepdims)


def _vector_norm(x: Any, order: Any, axis: Any, keepdims: bool) -> Any:
    if isinstance(order, str):
        raise ValueError(f"Invalid `ord` for a norm of vectors. Received: ord={order!r}")
    return torch.linalg.vector_norm(x, order, axis, keepdims)


@operation
def qr(x: Any, mode: str = "reduced") -> Any:
    """An orthogonal and an upper triangular matrix whose product is `x`."""
    if mode not in ("reduced", "complete"):
        raise ValueError(f"`mode` must be 'reduced' or 'complete'. Received: mode={mode!r}")
    return tuple(torch.linalg.qr(floating(x), mode))


@operation
def solve(a: Any, b: Any) -> Any:
    """The solution `x` of `a @ x = b`."""
    return torch.linalg.solve(*floats(a, b))


@operation
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """The solution `x` of `a @ x = b` for triangular `a`."""
    a, b = floats(a, b)
    is_vector = b.dim() == a.dim() - 1
    found = torch.linalg.solve_triangular(a, b.unsqueeze(-1) if is_vector else b, upper=not lower)
    return found.squeeze(-1) if is_vector else found


@operation
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular value decomposition (U, S, V transposed), or the singular values alone."""
    x = floating(x)
    return tuple(torch.linalg.svd(x, full_matrices)) if compute_uv else torch.linalg.svdvals(x)


@operation
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The least squares solution of `a @ x = b`."""
    a, b = floats(a, b)
    is_vector = b.dim() == 1
    b = b.unsqueeze(-1) if is_vector else b
    # Of torch's drivers for the CPU only those by singular values know numpy's `rcond`; that of CUDA knows none.
    found = torch.linalg.lstsq(a, b).solution if rcond is None else torch.linalg.pinv(a, rtol=rcond) @ b
    return found.squeeze(-1) if is_vector else found


def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """`fun(*primals)` and its derivative in the direction of `tangents`."""
    made = joined([tuple(floating(item) for item in items) for items in (primals, tangents)])
    return torch.func.jvp(fun, made[0], made[1], has_aux=has_aux)
