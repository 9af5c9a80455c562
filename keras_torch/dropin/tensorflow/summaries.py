"""`tf.summary`: files for TensorBoard by torch's SummaryWriter, and the messages that TensorFlow 1 put into them."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Iterator
from typing import Any

from keras_torch.callbacks.event_files import open_writer
from keras_torch.dropin.tensorflow import parts, settings
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor


class SummaryWriter:
    """Writes for TensorBoard with torch's SummaryWriter, while it is the default."""

    def __init__(self, logdir: Any, **options: Any) -> None:
        self._writer = open_writer(os.fspath(logdir))
        # Plugins of TensorBoard, such as the one for hyperparameters, take it for their TensorFlow.
        stub = importlib.import_module("tensorboard.compat.tensorflow_stub.compat")
        stub.v2 = parts.load("tensorflow.compat.v2")  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def as_default(self, step: Any = None) -> Iterator[SummaryWriter]:
        """A context in which `tf.summary.scalar` and kin write here."""
        before = _current[:]
        _current[:2] = [self, _current[1] if step is None else int(step)]
        try:
            yield self
        finally:
            _current[:2] = before[:2]

    def set_as_default(self, step: Any = None) -> None:
        """Let `tf.summary.scalar` and kin write here from now on."""
        _current[:2] = [self, step]

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a message `Summary`, or its bytes (TensorFlow 1)."""
        summary = Summary.FromString(summary) if isinstance(summary, bytes) else summary
        step = None if global_step is None else int(global_step)
        self._writer._get_file_writer().add_summary(summary, step)

    def flush(self) -> None:
        """Write what waits."""
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()


# The writer, the step, and whether to write.
_current: list[Any] = [None, None, True]


def set_step(step: Any) -> None:
    """Set the step of summaries that do not name theirs."""
    _current[1] = None if step is None else int(step)


@contextlib.contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """A context in which summaries are written only where a condition, or what a function returns then, is true."""
    before, _current[2] = _current[2], condition
    try:
        yield
    finally:
        _current[2] = before


def should_record_summaries() -> bool:
    """Whether `tf.summary.scalar` and kin write anything now."""
    condition = _current[2]() if callable(_current[2]) else _current[2]
    return _current[0] is not None and bool(condition)


def flush(writer: Any = None) -> None:
    """Write what waits."""
    writer = writer or _current[0]
    if writer is not None:
        writer.flush()


def _summary(write: Any) -> Any:
    def call(name: str, data: Any, step: Any = None, **options: Any) -> bool:
        writer, default, _ = _current
        if not should_record_summaries():
            return False
        step = default if step is None else int(step)
        if step is None:
            raise ValueError(f"The summary {name!r} needs a `step`, or `tf.summary.experimental.set_step`.")
        write(writer._writer, name, data, step)
        return True

    return call


def _values(data: Any) -> Any:
    return convert_to_tensor(data).detach().cpu()


_SUMMARIES = {
    "audio": lambda writer, name, data, step: writer.add_audio(name, _values(data)[0].T, step),
    "histogram": lambda writer, name, data, step: writer.add_histogram(name, _values(data), step),
    "image": lambda writer, name, data, step: writer.add_images(name, _values(data)[:3], step, dataformats="NHWC"),
    "scalar": lambda writer, name, data, step: writer.add_scalar(name, float(_values(data)), step, time.time()),
    "text": lambda writer, name, data, step: writer.add_text(name, str(convert_to_tensor(data, "string")), step),
}


def write_raw_pb(tensor: Any, step: Any = None, name: Any = None) -> bool:
    """Write a serialized `Summary`, as TensorBoard's plugins do."""
    if not should_record_summaries():
        return False
    step = _current[1] if step is None else int(step)
    _current[0].add_summary(tensor, step)
    return True


@contextlib.contextmanager
def summary_scope(name: str, default_name: str = "summary", values: Any = None) -> Iterator[tuple[str, str]]:
    """A context that yields the tag and the scope of a summary: both its name."""
    yield name or default_name, name or default_name


def _from_tensorboard(module: str, path: str) -> Any:
    try:
        found = importlib.import_module(f"tensorboard.{module}")
    except ImportError as error:
        raise ImportError(f"{path} needs the package tensorboard: pip install tensorboard. ({error})") from error
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _message(path: str) -> type:
    """Return a maker of one of TensorBoard's messages, which is imported when it is called."""

    def new(cls: Any, *args: Any, **fields: Any) -> Any:
        return _from_tensorboard("compat.proto.summary_pb2", path)(*args, **fields)

    def parse(data: bytes) -> Any:
        return _from_tensorboard("compat.proto.summary_pb2", path).FromString(data)

    return type(path.rpartition(".")[2], (), {"__new__": new, "FromString": staticmethod(parse)})


Summary: Any = _message("Summary")
Summary.Value = _message("Summary.Value")
Summary.Image = _message("Summary.Image")


def make_tensor_proto(values: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False) -> Any:
    """Return TensorBoard's message of an array."""
    if verify_shape:
        raise NotImplementedError("`make_tensor_proto` has no `verify_shape`: compare `np.shape(values)` yourself.")
    values = values if isinstance(values, (str, bytes, list)) else convert_to_tensor(values, dtype).numpy()
    return _from_tensorboard("util.tensor_util", "make_tensor_proto")(values, shape=shape)


def make_ndarray(tensor: Any) -> Any:
    """Return the array of such a message."""
    return _from_tensorboard("util.tensor_util", "make_ndarray")(tensor)


NAMES = {
    **{f"summary.{name}": _summary(write) for name, write in _SUMMARIES.items()},
    "make_ndarray": make_ndarray,
    "make_tensor_proto": make_tensor_proto,
    "summary.SummaryWriter": SummaryWriter,
    "summary.create_file_writer": SummaryWriter,
    "summary.experimental.get_step": lambda: _current[1],
    "summary.experimental.set_step": set_step,
    "summary.experimental.summary_scope": summary_scope,
    "summary.experimental.write_raw_pb": write_raw_pb,
    "summary.flush": flush,
    "summary.record_if": record_if,
    "summary.should_record_summaries": should_record_summaries,
    # Of graphs, of which there are none.
    "summary.trace_export summary.trace_off summary.trace_on": settings.accept,
}
VERSION_1 = {
    "Summary": Summary,
    "SummaryMetadata": _message("SummaryMetadata"),
    "summary.FileWriter": SummaryWriter,
}
