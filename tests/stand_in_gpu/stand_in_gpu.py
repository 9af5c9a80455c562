"""A plugin of pytest: tests run as on a machine with a GPU, whose memory is the host's and whose operators are slow.

It shows what lies apart and what waits for the GPU (`torch.cuda.set_sync_debug_mode`); numbers are those of the
processor. It knows no streams, no CUDA graphs and nothing of cuDNN: `nn.LSTM` and the like, attention and CTC run on
the host. Needs a compiler of C++ and ninja; the first run builds for a minute or two.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import traceback
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def _build_hooks() -> Path:
    """Compile what has to be there before torch is imported."""
    torch = Path(find_spec("torch").origin).parent
    folder = Path(os.environ.get("TORCH_EXTENSIONS_DIR", Path.home() / ".cache" / "torch_extensions"))
    library = folder / f"stand_in_gpu_hooks_{(torch / 'version.py').stat().st_mtime_ns}.so"
    if not library.exists() or library.stat().st_mtime < (HERE / "hooks.cpp").stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["g++", "-std=c++20", "-fPIC", "-shared", "-w", str(HERE / "hooks.cpp"), "-o", str(library)]
        command += [f"-I{torch}/include", f"-I{torch}/include/torch/csrc/api/include"]
        command += [f"-L{torch}/lib", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{torch}/lib"]
        subprocess.run(command, check=True)
    return library


ctypes.CDLL(str(_build_hooks()), mode=ctypes.RTLD_GLOBAL)

import pytest  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.utils.cpp_extension import load  # noqa: E402

_kernels = load("stand_in_gpu_kernels", [str(HERE / "kernels.cpp")], extra_cflags=["-O0", "-w"])
GPU = torch.device("cuda", 0)


class Stream:
    """Everything runs at once, in order."""

    device = GPU

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def wait_stream(self, stream: Any) -> None: ...

    def wait_event(self, event: Any) -> None: ...

    def synchronize(self) -> None: ...

    def query(self) -> bool:
        # Never idle: there are no CUDA graphs to record.
        return False

    def record_event(self, event: Any = None) -> Event:
        return event or Event()


class Event:
    """Something that has happened."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def record(self, stream: Any = None) -> None: ...

    def wait(self, stream: Any = None) -> None: ...

    def synchronize(self) -> None: ...

    def query(self) -> bool:
        return True


@contextlib.contextmanager
def _within(stream: Any) -> Iterator[None]:
    yield


class _Watch:
    """Whether to complain of what waits for the GPU."""

    complains = False
    at_work = True


def _told(what: str) -> None:
    if _Watch.complains and _Watch.at_work:
        place = traceback.extract_stack(limit=3)[0]
        raise RuntimeError(f"called a synchronizing CUDA operation: {what}, at {place.filename}:{place.lineno}")


def _set_sync_debug_mode(mode: Any) -> None:
    _Watch.complains = mode in ("error", 2)


_kernels.tell(_told)
_CUDA = {
    "Event": Event,
    "Stream": Stream,
    "_exchange_device": lambda index: 0,
    "_lazy_init": lambda: None,
    "_maybe_exchange_device": lambda index: 0,
    "current_device": lambda: 0,
    "current_stream": lambda device=None: Stream(),
    "default_generators": (torch.default_generator,),
    "device_count": lambda: 1,
    "get_device_capability": lambda device=None: (9, 0),
    "get_device_name": lambda device=None: "stand-in",
    "get_rng_state": lambda device=0: torch.get_rng_state(),
    "get_rng_state_all": lambda: [torch.get_rng_state()],
    "init": lambda: None,
    "is_available": lambda: True,
    "is_bf16_supported": lambda *args, **kwargs: True,
    "is_initialized": lambda: True,
    "manual_seed": torch.default_generator.manual_seed,
    "manual_seed_all": torch.default_generator.manual_seed,
    "max_memory_allocated": lambda device=None: 0,
    "mem_get_info": lambda device=None: (8 << 30, 16 << 30),
    "memory_allocated": lambda device=None: 0,
    "set_device": lambda device: None,
    "set_rng_state": lambda state, device=0: None,
    "set_sync_debug_mode": _set_sync_debug_mode,
    "stream": _within,
    "synchronize": lambda device=None: None,
}
for _name, _item in _CUDA.items():
    setattr(torch.cuda, _name, _item)
torch._C._cuda_getDeviceCount = lambda: 1
torch._C._cuda_getCurrentRawStream = lambda index: 0
torch.Tensor.record_stream = lambda self, stream: None
torch.Tensor.pin_memory = lambda self, device=None: self
torch.Tensor.is_pinned = lambda self, device=None: False


def _moved(item: Any, device: Any) -> Any:
    if isinstance(item, torch.Tensor):
        return item.to(device)
    if isinstance(item, (list, tuple)):
        return type(item)(_moved(part, device) for part in item)
    return item


def _on_the_host(function: Any) -> Any:
    """Return a function that computes on the host; tensors of both devices are refused."""

    def call(*args: Any, **kwargs: Any) -> Any:
        flat = [part for item in args for part in (item if isinstance(item, (list, tuple)) else [item])]
        devices = {part.device.type for part in flat if isinstance(part, torch.Tensor)}
        if devices == {"cpu", "cuda"} and function.__name__ != "ctc_loss":
            raise RuntimeError(f"{function.__name__}: Expected all tensors to be on the same device")
        if "cuda" not in devices:
            return function(*args, **kwargs)
        before, _Watch.at_work = _Watch.at_work, False
        try:
            return _moved(
                function(*_moved(args, "cpu"), **{key: _moved(item, "cpu") for key, item in kwargs.items()}), GPU
            )
        finally:
            _Watch.at_work = before

    return call


for _name in ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"):
    _item = _on_the_host(getattr(torch._C._VariableFunctions, _name))
    setattr(torch._VF, _name, _item)
    setattr(torch, _name, _item)
for _name in ("scaled_dot_product_attention", "ctc_loss"):
    setattr(F, _name, _on_the_host(getattr(F, _name)))


def _storage(size: int) -> Any:
    return torch.empty(size, dtype=torch.uint8, device=GPU).untyped_storage()


def _storage_to(self: Any, *, device: Any, non_blocking: bool = False) -> Any:
    if torch.device(device).type == self.device.type:
        return self
    target = _storage(self.nbytes()) if torch.device(device).type == "cuda" else torch.UntypedStorage(self.nbytes())
    return target.copy_(self, non_blocking)


_clone = torch.UntypedStorage.clone
torch.UntypedStorage.to = _storage_to
torch.UntypedStorage.clone = lambda self: _storage(self.nbytes()).copy_(self) if self.is_cuda else _clone(self)


def pytest_configure(config: pytest.Config) -> None:
    # A GPU without cuDNN, and memory for results that the processor's operators give another size.
    config.addinivalue_line("filterwarnings", "ignore:PyTorch was compiled without cuDNN")
    config.addinivalue_line("filterwarnings", "ignore:An output with one or more elements was resized")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "cuda_graphs" in item.name:
            item.add_marker(pytest.mark.skip("the stand-in has no CUDA graphs"))
