"""`tf.debugging`, `tf.print`, `tf.errors` and `tf.test`."""

from __future__ import annotations

import operator
import sys
import tempfile
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_torch import backend
from keras_torch.backend.tensors import is_symbolic, recorded
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import as_dtype, is_integer
from keras_torch.errors import OpError, OutOfRangeError
from keras_torch.utils import set_random_seed


class InvalidArgumentError(OpError, ValueError):
    """An argument has a value that an operation does not take, or an assertion does not hold."""


class NotFoundError(OpError, OSError):
    """A file does not exist."""


class DataLossError(OpError, ValueError):
    """A file is damaged."""


def _all(compute: Callable[[Any, Any], Any], sign: str) -> Callable[..., None]:
    def check(x: Any, y: Any, message: Any = None, summarize: Any = None) -> None:
        if is_symbolic([x, y]):
            return
        first, second = convert_to_tensor(x), convert_to_tensor(y)
        if not bool(torch.as_tensor(compute(first, second)).all()):
            raise InvalidArgumentError(
                f"{message or ''} {sign} does not hold everywhere. Received: {x!r} and {y!r}".strip()
            )

    return check


def _one(compute: Callable[[Any], Any], what: str) -> Callable[..., None]:
    def check(x: Any, message: Any = None, summarize: Any = None) -> None:
        if not is_symbolic(x) and not bool(torch.as_tensor(compute(convert_to_tensor(x))).all()):
            raise InvalidArgumentError(f"{message or ''} `x` must be {what}. Received: {x!r}".strip())

    return check


def assert_near(x: Any, y: Any, rtol: Any = 1e-6, atol: Any = 1e-6, message: Any = None, summarize: Any = None) -> None:
    """InvalidArgumentError unless the values differ by at most `atol + rtol * |y|`."""
    _all(lambda a, b: torch.isclose(a, b, float(rtol), float(atol)), "x ~ y")(x, y, message)


def assert_rank(x: Any, rank: int, message: Any = None) -> None:
    """ValueError unless a tensor has so many axes."""
    if len(convert_to_tensor(x).shape) != rank:
        raise ValueError(f"{message or ''} `x` must have {rank} axes. Received: {tuple(x.shape)}".strip())


def assert_shapes(shapes: Any, data: Any = None, summarize: Any = None, message: Any = None) -> None:
    """ValueError unless tensors have shapes in which the same letter is the same size."""
    known: dict[Any, int] = {}
    for tensor, shape in shapes.items() if isinstance(shapes, dict) else shapes:
        if len(tensor.shape) != len(shape):
            raise ValueError(f"{message or ''} Expected the shape {shape}. Received: {tuple(tensor.shape)}".strip())
        for size, wanted in zip(tensor.shape, shape, strict=True):
            fits = wanted in (None, "*") or size == (
                wanted if isinstance(wanted, int) else known.setdefault(wanted, size)
            )
            if not fits:
                raise ValueError(f"{message or ''} Expected the shape {shape}. Received: {tuple(tensor.shape)}".strip())


def assert_(condition: Any, data: Any = None, summarize: Any = None) -> None:
    """InvalidArgumentError unless the condition holds."""
    if not is_symbolic(condition) and not bool(torch.as_tensor(condition).all()):
        raise InvalidArgumentError(f"The assertion does not hold. Received: {data!r}")


@recorded
def check_numerics(tensor: Any, message: str) -> Any:
    """Return a tensor. InvalidArgumentError if it holds NaN or infinities."""
    tensor = convert_to_tensor(tensor)
    if tensor.device.type != "meta" and not bool(torch.isfinite(tensor).all()):
        raise InvalidArgumentError(f"{message} : Tensor had Inf and NaN values or one of them")
    return tensor


def _shown(item: Any) -> Any:
    if isinstance(item, torch.Tensor) or hasattr(item, "storages"):
        return backend.get_value(item)
    return item


def print_(*inputs: Any, output_stream: Any = None, summarize: Any = None, sep: str = " ", end: str = "\n") -> None:
    """Print values; by default on standard error, as TensorFlow does."""
    stream = output_stream if hasattr(output_stream, "write") else sys.stderr
    print(*map(_shown, inputs), sep=sep, end=end, file=stream)


def print_v1(
    input_: Any,
    data: Any = None,
    message: Any = None,
    first_n: Any = None,
    summarize: Any = None,
    input: Any = None,  # noqa: A002
) -> Any:
    """Print `message` and the values of `data` whenever the tensor is computed, and return the tensor."""
    return _print_beside(input_, list(data or ()), message or "")


@recorded
def _print_beside(tensor: Any, data: list[Any], message: str) -> Any:
    if not any(isinstance(item, torch.Tensor) and item.device.type == "meta" for item in (tensor, *data)):
        print(message, *map(_shown, data), file=sys.stderr)
    return tensor


_SEED = 87654321


class TestCase(unittest.TestCase):
    """`tf.test.TestCase`: unittest's, with comparisons of tensors; each test begins with the same seeds and names."""

    def setUp(self) -> None:  # noqa: N802 - TensorFlow's names, here and below
        """Begin anew."""
        super().setUp()
        backend.clear_session()
        set_random_seed(_SEED)

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:  # noqa: N802 - TensorFlow's names
        """Compare values exactly."""
        np.testing.assert_array_equal(np.asarray(_shown(a)), np.asarray(_shown(b)), msg or "")

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:  # noqa: N802
        """Compare values nearly."""
        np.testing.assert_allclose(np.asarray(_shown(a)), np.asarray(_shown(b)), rtol, atol, err_msg=msg or "")

    def assertNotAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:  # noqa: N802
        """Fail if all values are equal."""
        self.assertRaises(AssertionError, self.assertAllEqual, a, b, msg)

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:  # noqa: N802
        """Fail if all values are nearly equal."""
        self.assertRaises(AssertionError, self.assertAllClose, a, b, rtol, atol, msg)

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:  # noqa: N802
        """Compare the type of a tensor."""
        self.assertEqual(as_dtype(target.dtype), as_dtype(expected_dtype))

    def get_temp_dir(self) -> str:
        """Return a folder for this test, which goes when the test ends."""
        if not hasattr(self, "_folder"):
            self._folder = tempfile.TemporaryDirectory()
            self.addCleanup(self._folder.cleanup)
        return self._folder.name

    def assertShapeEqual(self, a: Any, b: Any) -> None:  # noqa: N802
        """Compare shapes."""
        self.assertEqual(tuple(a.shape), tuple(b.shape))


class AbortedError(OpError):
    """Errors that nothing here raises, for scripts that catch them: of devices, clusters and queues."""


def _rank_of(is_right: Callable[[int, Any], bool], wanted: str) -> Callable[..., None]:
    def check(x: Any, rank: Any, message: Any = None) -> None:
        found = len(x.shape if hasattr(x, "shape") else np.shape(x))
        if not is_right(found, rank):
            raise ValueError(f"{message or ''} `x` must have a rank {wanted} {rank}. Received: {found}".strip())

    return check


def assert_type(tensor: Any, tf_type: Any, message: Any = None) -> None:
    """TypeError for a tensor of another type."""
    if as_dtype(tensor.dtype) != as_dtype(tf_type):
        raise TypeError(f"{message or ''} The tensor must be of type {tf_type}. Received: {tensor.dtype}".strip())


def assert_scalar(tensor: Any, message: Any = None) -> Any:
    """Return a scalar. ValueError for what has axes."""
    found = tuple(tensor.shape if hasattr(tensor, "shape") else np.shape(tensor))
    if found:
        raise ValueError(f"{message or ''} A scalar was expected. Received: shape {found}".strip())
    return tensor


def assert_integer(x: Any, message: Any = None) -> None:
    """TypeError for what is no tensor of integers."""
    if not is_integer(as_dtype(convert_to_tensor(x).dtype)):
        raise TypeError(f"{message or ''} `x` must be of a type of integers. Received: {x!r}".strip())


_CHECKS: dict[str, Any] = {
    "assert_equal": _all(torch.eq, "x == y"),
    "assert_greater": _all(torch.gt, "x > y"),
    "assert_greater_equal": _all(torch.ge, "x >= y"),
    "assert_less": _all(torch.lt, "x < y"),
    "assert_less_equal": _all(torch.le, "x <= y"),
    "assert_near": assert_near,
    "assert_negative": _one(lambda x: x < 0, "negative"),
    "assert_non_negative": _one(lambda x: x >= 0, "0 or more"),
    "assert_none_equal": _all(operator.ne, "x != y"),
    "assert_positive": _one(lambda x: x > 0, "positive"),
    "assert_integer": assert_integer,
    "assert_rank": assert_rank,
    "assert_rank_at_least": _rank_of(operator.ge, "of at least"),
    "assert_rank_in": _rank_of(lambda found, ranks: found in ranks, "among"),
    "assert_scalar": assert_scalar,
    "assert_type": assert_type,
}
_UNRAISED = "Aborted Cancelled DeadlineExceeded FailedPrecondition Internal Unavailable Unknown".split()
NAMES: dict[str, Any] = {
    "errors.AlreadyExistsError": FileExistsError,
    "errors.PermissionDeniedError": PermissionError,
    "errors.UnimplementedError": NotImplementedError,
    **{f"debugging.{name}": item for name, item in _CHECKS.items()},
    "Assert debugging.Assert": assert_,
    "debugging.assert_all_finite": lambda x, message="": check_numerics(x, message),
    "debugging.assert_shapes": assert_shapes,
    "debugging.check_numerics": check_numerics,
    "debugging.enable_check_numerics": lambda *args, **kwargs: torch.autograd.set_detect_anomaly(True),
    "debugging.is_numeric_tensor": lambda tensor: isinstance(tensor, torch.Tensor) and tensor.dtype is not torch.bool,
    **{f"errors.{name}Error": AbortedError for name in _UNRAISED},
    "debugging.disable_check_numerics": lambda: torch.autograd.set_detect_anomaly(False),
    "errors.DataLossError": DataLossError,
    "errors.InvalidArgumentError": InvalidArgumentError,
    "errors.NotFoundError": NotFoundError,
    "errors.OpError": OpError,
    "errors.OutOfRangeError": OutOfRangeError,
    "errors.ResourceExhaustedError": torch.cuda.OutOfMemoryError,
    "print": print_,
    "test.TestCase": TestCase,
    "test.main": unittest.main,
}
NAMES.update({name: _CHECKS[name] for name in ("assert_equal", "assert_greater", "assert_less", "assert_rank")})
VERSION_1: dict[str, Any] = {**_CHECKS, "Print": print_v1, "check_numerics": check_numerics}
