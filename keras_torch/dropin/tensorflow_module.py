"""The module `tensorflow` as scripts use it beside `tensorflow.keras`: settings, seeds, device queries, dtypes.

Settings of TensorFlow's runtime have no effect here, and change no result there; they are accepted. Whatever would
compute something is missing and says so.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import torch

from keras_torch import config

VERSIONS = {"1": "1.0.1", "2": "1.12.0", "tf": "2.15.0", "3": "2.18.0", None: "2.15.0"}

_DTYPES = (
    *("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "complex64", "complex128", "bool"),
)


class PhysicalDevice(NamedTuple):
    """One CPU or GPU, as `tf.config.list_physical_devices` describes it."""

    name: str
    device_type: str


class ConfigProto(SimpleNamespace):
    """Session settings; any of them may be set."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"gpu_options": SimpleNamespace(), "graph_options": SimpleNamespace(), **settings})


class Session:
    """A session for `K.set_session` and initializer calls; there is no graph to run."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.graph = graph
        self.config = config

    def run(self, fetches: Any = None, feed_dict: Any = None) -> None:
        """Accept the initializer of variables (None); anything else has no meaning here."""
        if fetches is not None:
            raise NotImplementedError(
                "`tf.Session.run` is not available: models run directly. Call the model, `predict` or `K.function`."
            )

    def as_default(self) -> Session:
        """Return the session, a context manager."""
        return self

    def close(self) -> None:
        """Release nothing: the session holds nothing."""
        self.config = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Graph:
    """A graph for `with graph.as_default()`; operations run directly, so it stays empty."""

    def as_default(self) -> contextlib.AbstractContextManager[Graph]:
        """Return a context manager."""
        return contextlib.nullcontext(self)

    def finalize(self) -> Graph:
        """Return the graph."""
        return self


def _devices(device_type: str | None = None) -> list[PhysicalDevice]:
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
    found += [PhysicalDevice(f"/physical_device:GPU:{index}", "GPU") for index in range(gpus)]
    return [device for device in found if device_type in (None, device.device_type)]


def _gpu_available(*args: Any, **kwargs: Any) -> bool:
    return torch.cuda.is_available()


def _accept(*args: Any, **kwargs: Any) -> None:
    return None


def _function(function: Callable[..., Any] | None = None, **options: Any) -> Callable[..., Any]:
    """`tf.function`: the function itself, which runs directly."""
    return (lambda inner: inner) if function is None else function


@contextlib.contextmanager
def _device(name: Any = None) -> Iterator[None]:
    """`with tf.device(...)`: a placement hint; tensors stay on the default device."""
    yield


def _set_seed(seed: int | None = None) -> None:
    if seed is not None:
        torch.manual_seed(int(seed))


def _log_names() -> dict[str, Any]:
    log = logging.getLogger("tensorflow")
    levels = {level: getattr(logging, level) for level in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")}
    return {**levels, "set_verbosity": log.setLevel, "info": log.info, "warning": log.warning, "error": log.error}


class Part(ModuleType):
    """A piece of `tensorflow`; a name that it lacks is an AttributeError that says so."""

    __path__: list[str]

    def __init__(self, name: str, names: dict[str, Any]) -> None:
        super().__init__(name)
        self.__path__ = []
        self.__spec__ = ModuleSpec(name, None, is_package=True)  # importlib.util.find_spec demands one
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if name == "__version__" and self.__name__ in ("tensorflow", "tensorflow.compat.v1", "tensorflow.compat.v2"):
            return VERSIONS[config.dialect()]
        if name == "keras":
            import keras_torch

            return keras_torch
        if full in PACKAGES:
            return load(full)
        raise AttributeError(
            f"`{full}` is not available: keras_torch stands in for tensorflow.keras and for TensorFlow's settings, not "
            "for its functions. Use `keras.ops`, `keras.backend` or torch; they work on Keras tensors too."
        )


def _config_names() -> dict[str, Any]:
    experimental = {
        "list_physical_devices": _devices,
        "list_logical_devices": _devices,
        "get_visible_devices": _devices,
        "set_memory_growth": _accept,
        "set_visible_devices": _accept,
        "enable_tensor_float_32_execution": _accept,
        "enable_op_determinism": functools.partial(torch.use_deterministic_algorithms, True),
    }
    threads = {
        "set_intra_op_parallelism_threads": torch.set_num_threads,
        "set_inter_op_parallelism_threads": _accept,
    }
    return {
        **experimental,
        "experimental": Part("tensorflow.config.experimental", experimental),
        "threading": Part("tensorflow.config.threading", threads),
        "run_functions_eagerly": _accept,
        "experimental_run_functions_eagerly": _accept,
        "optimizer": Part("tensorflow.config.optimizer", {"set_jit": _accept}),
    }


def _version_1_names() -> dict[str, Any]:
    graph = Graph()
    return {
        "ConfigProto": ConfigProto,
        "GPUOptions": SimpleNamespace,
        "Graph": Graph,
        "InteractiveSession": Session,
        "Session": Session,
        "disable_eager_execution": _accept,
        "disable_v2_behavior": _accept,
        "enable_eager_execution": _accept,
        "enable_v2_behavior": _accept,
        "get_default_graph": lambda: graph,
        "global_variables_initializer": _accept,
        "initialize_all_variables": _accept,
        "local_variables_initializer": _accept,
        "logging": Part("tensorflow.logging", _log_names()),
        "reset_default_graph": _accept,
        "set_random_seed": _set_seed,
    }


def _shared_names() -> dict[str, Any]:
    return {
        **{name: config.torch_dtype(name) for name in _DTYPES},
        "string": "string",
        "config": Part("tensorflow.config", _config_names()),
        "device": _device,
        "executing_eagerly": lambda: True,
        "function": _function,
        "get_logger": lambda: logging.getLogger("tensorflow"),
        "newaxis": None,
        "random": Part("tensorflow.random", {"set_seed": _set_seed, "set_random_seed": _set_seed}),
        "test": Part(
            "tensorflow.test",
            {
                "gpu_device_name": lambda: "/device:GPU:0" if torch.cuda.is_available() else "",
                "is_built_with_cuda": lambda: torch.version.cuda is not None,
                "is_gpu_available": _gpu_available,
            },
        ),
    }


_BUILDERS: dict[str, Callable[[], dict[str, Any]]] = {
    "tensorflow": lambda: {**_version_1_names(), **_shared_names()},
    "tensorflow.compat": dict,
    "tensorflow.compat.v1": lambda: {**_shared_names(), **_version_1_names()},
    "tensorflow.compat.v2": _shared_names,
    "tensorflow.contrib": dict,
    "tensorflow.contrib.keras.api": dict,
    "tensorflow.python": dict,
}
PACKAGES = frozenset(_BUILDERS)
_loaded: dict[str, Part] = {}


def load(name: str) -> Part:
    """Return the module `name` out of `PACKAGES`, always the same object."""
    if name not in _loaded:
        _loaded[name] = Part(name, _BUILDERS[name]())
    return _loaded[name]
