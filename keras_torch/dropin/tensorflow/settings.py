"""Settings of TensorFlow's runtime: accepted, and without effect on results; questions are answered truthfully."""

from __future__ import annotations

import contextlib
import enum
import functools
import logging
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from keras_torch import config
from keras_torch.engine import placement


class PhysicalDevice(NamedTuple):
    """One CPU or GPU, as `tf.config.list_physical_devices` describes it."""

    name: str
    device_type: str


class LogicalDeviceConfiguration(SimpleNamespace):
    """Limits of a device, such as `memory_limit`; `torch.cuda.set_per_process_memory_fraction` sets one."""

    def __init__(self, memory_limit: Any = None, **settings: Any) -> None:
        super().__init__(memory_limit=memory_limit, **settings)


def _list_devices(prefix: str, device_type: str | None = None) -> list[PhysicalDevice]:
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = [PhysicalDevice(f"/{prefix}:CPU:0", "CPU")]
    found += [PhysicalDevice(f"/{prefix}:GPU:{index}", "GPU") for index in range(gpus)]
    return [device for device in found if device_type in (None, device.device_type)]


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU, and the GPUs that torch sees."""
    return _list_devices("physical_device", device_type)


def list_logical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU, and the GPUs that torch sees."""
    return _list_devices("device", device_type)


def get_device_details(device: PhysicalDevice) -> dict[str, Any]:
    """The name and the compute capability of a GPU; nothing for a CPU."""
    if device.device_type != "GPU":
        return {}
    index = int(device.name.rpartition(":")[2])
    name, capability = torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index)
    return {"device_name": name, "compute_capability": capability}


def _index(device: Any) -> int:
    return int(str(device).rpartition(":")[2])


def get_memory_info(device: str) -> dict[str, int]:
    """The bytes of a GPU's memory that tensors take, now and at most so far."""
    index = _index(device)
    return {"current": torch.cuda.memory_allocated(index), "peak": torch.cuda.max_memory_allocated(index)}


def accept(*args: Any, **kwargs: Any) -> None:
    """Take a setting of TensorFlow's runtime, which is not there."""


def is_gpu_available(*args: Any, **kwargs: Any) -> bool:
    """Whether torch has a GPU."""
    return torch.cuda.is_available()


_soft = True


def set_soft_device_placement(enabled: Any) -> None:
    """Whether `tf.device` falls back to the default device for one that is not there."""
    global _soft
    _soft = bool(enabled)


def get_soft_device_placement() -> bool:
    """Whether `tf.device` falls back to the default device for one that is not there."""
    return _soft


def device(device_name: Any = None) -> Any:
    """A context in which tensors and weights are made, and layers compute, on a device, as in `keras.device`.

    None goes back to the default device. So does a device that is not there, unless soft placement was turned off;
    then ValueError.
    """
    if callable(device_name):
        # Version 1: a function that chooses for each operation.
        return contextlib.nullcontext()
    if device_name is None:
        return config.DeviceScope(None)
    name = device_name.to_string() if hasattr(device_name, "to_string") else getattr(device_name, "name", device_name)
    try:
        return placement.scope_of(config.device_named(str(name)))
    except config.NoDeviceError:
        if not _soft:
            raise
        return config.DeviceScope(None)


_run_eagerly = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether `tf.function` ignores `jit_compile`."""
    global _run_eagerly
    _run_eagerly = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether `tf.function` ignores `jit_compile`."""
    return _run_eagerly


def _answer(value: Any) -> Any:
    def call() -> Any:
        return value

    return call


def gpu_device_name() -> str:
    """The name of the first GPU, empty without one."""
    return "/device:GPU:0" if torch.cuda.is_available() else ""


def get_build_info() -> dict[str, Any]:
    """Return which CUDA torch was built with."""
    cuda, rocm = torch.version.cuda, torch.version.hip
    found: dict[str, Any] = {"is_cuda_build": cuda is not None, "is_rocm_build": rocm is not None}
    if cuda is not None:
        found |= {"cuda_version": cuda, "cudnn_version": str(torch.backends.cudnn.version())}
    return found


class VariableAggregation(str, enum.Enum):
    """How the values that replicas give a variable are joined: Keras's `aggregation`."""

    NONE = "none"
    SUM = "sum"
    MEAN = "mean"
    ONLY_FIRST_REPLICA = "only_first_replica"


class VariableSynchronization(str, enum.Enum):
    """When they are joined: Keras's `synchronization`."""

    AUTO = "auto"
    NONE = "none"
    ON_WRITE = "on_write"
    ON_READ = "on_read"


def list_local_devices(session_config: Any = None) -> list[SimpleNamespace]:
    """The CPU, and the GPUs that torch sees, as the module `device_lib` inside TensorFlow describes them."""
    return [_local(device) for device in _list_devices("device")]


def _local(device: PhysicalDevice) -> SimpleNamespace:
    place = {"name": device.name, "device_type": device.device_type}
    if device.device_type == "CPU":
        return SimpleNamespace(**place, memory_limit=0, physical_device_desc="")
    found = torch.cuda.get_device_properties(_index(device.name))
    return SimpleNamespace(**place, memory_limit=found.total_memory, physical_device_desc=f"name: {found.name}")


def get_logger() -> logging.Logger:
    """Return Python's logger of the name `tensorflow`."""
    return logging.getLogger("tensorflow")


def allow_tensor_float(enabled: bool) -> None:
    """Let float32 products and convolutions on GPUs round their factors to 10 bits, which is several times faster.

    TensorFlow does so unless told otherwise; torch in convolutions (`torch.backends.cudnn.allow_tf32`), and in products
    of matrices only after this, or `torch.backends.cuda.matmul.allow_tf32 = True`.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = bool(enabled)


def _log_names() -> dict[str, Any]:
    log = get_logger()
    levels = {f"logging.{level}": getattr(logging, level) for level in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")}
    functions = {f"logging.{name}": getattr(log, name) for name in ("info", "warning", "error", "debug", "fatal")}
    more = {"logging.set_verbosity": log.setLevel, "logging.get_verbosity": log.getEffectiveLevel}
    return {**levels, **functions, **more, "logging.warn": log.warning}


_DEVICE_SETTINGS = """
    set_memory_growth set_visible_devices set_logical_device_configuration set_virtual_device_configuration
    set_synchronous_execution
""".split()
NAMES: dict[str, Any] = {
    **{f"config.{name} config.experimental.{name}": accept for name in _DEVICE_SETTINGS},
    "config.LogicalDeviceConfiguration config.experimental.VirtualDeviceConfiguration": LogicalDeviceConfiguration,
    "config.enable_op_determinism config.experimental.enable_op_determinism": functools.partial(
        torch.use_deterministic_algorithms, True
    ),
    "config.experimental.get_device_details": get_device_details,
    "config.experimental.get_memory_info": get_memory_info,
    "config.experimental_run_functions_eagerly config.run_functions_eagerly": run_functions_eagerly,
    "config.functions_run_eagerly": functions_run_eagerly,
    "config.get_soft_device_placement": get_soft_device_placement,
    "config.get_visible_devices config.experimental.get_visible_devices": list_physical_devices,
    "config.list_logical_devices config.experimental.list_logical_devices": list_logical_devices,
    "config.list_physical_devices config.experimental.list_physical_devices": list_physical_devices,
    "config.experimental.get_memory_growth": lambda device: True,
    "config.experimental.reset_memory_stats": lambda device: torch.cuda.reset_peak_memory_stats(_index(device)),
    "config.enable_tensor_float_32_execution config.experimental.enable_tensor_float_32_execution": allow_tensor_float,
    "config.experimental.tensor_float_32_execution_enabled": lambda: torch.backends.cuda.matmul.allow_tf32,
    "config.optimizer.get_jit": _answer(""),
    "config.threading.get_inter_op_parallelism_threads": torch.get_num_interop_threads,
    "config.threading.get_intra_op_parallelism_threads": torch.get_num_threads,
    "config.optimizer.set_experimental_options config.optimizer.set_jit": accept,
    "config.set_soft_device_placement": set_soft_device_placement,
    "config.threading.set_inter_op_parallelism_threads": accept,
    "config.threading.set_intra_op_parallelism_threads": torch.set_num_threads,
    "VariableAggregation": VariableAggregation,
    "VariableSynchronization": VariableSynchronization,
    "compat.forward_compatible": lambda *args, **kwargs: True,
    "debugging.disable_traceback_filtering debugging.enable_traceback_filtering": accept,
    "debugging.get_log_device_placement": _answer(False),
    "debugging.set_log_device_placement": accept,
    "device device_scope": device,
    "executing_eagerly": _answer(True),
    "experimental.numpy.experimental_enable_numpy_behavior": accept,
    "get_logger": get_logger,
    "init_scope": contextlib.nullcontext,
    "inside_function": _answer(False),
    "python.client.device_lib.list_local_devices": list_local_devices,
    "sysconfig.get_build_info": get_build_info,
    "test.gpu_device_name": gpu_device_name,
    "test.is_built_with_cuda": lambda: torch.version.cuda is not None,
    "test.is_built_with_rocm": lambda: torch.version.hip is not None,
    "test.is_built_with_xla": _answer(False),
    "test.is_built_with_gpu_support": lambda: torch.version.cuda is not None,
    "test.is_gpu_available": is_gpu_available,
}
VERSION_1 = _log_names()
