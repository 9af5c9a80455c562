"""One side of a comparison in a process of its own: takes orders as lines of JSON and answers with times.

`python peer.py SIDE [--device cuda]`. Orders: {"prepare": job, "of": workload, ...} and {"run": 1}. The import of a
side's library happens at the start, so that each may come from another Python.
"""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from workloads import WORKLOADS, compiled

CALLS = 1000


class Terminal(io.StringIO):
    """A terminal that shows nothing, so that progress bars are drawn as for a person."""

    def isatty(self) -> bool:
        """Keras asks."""
        return True

    def write(self, text: str) -> int:
        """Forget the text."""
        return len(text)


class TorchSide:
    """The loops of loops.py."""

    def __init__(self, device: str, tuned: bool) -> None:
        import torch

        self.device, self.tuned = torch.device(device), tuned
        self.version = f"torch {torch.__version__}"

    def prepare(self, job: str, of: str, logging: bool = False, times: int = 1) -> Callable[[], None] | None:
        """Return what is timed, None where torch has no such job."""
        import loops

        if job == "fit":
            return loops.train_epoch(of, self.device, self.tuned, logging, times)
        if job == "predict":
            return loops.predict(of, self.device, times=times)
        return loops.model_call(of, self.device, CALLS) if job == "call" else None


class KerasSide:
    """Any Keras, by its module."""

    def __init__(self, keras: Any, version: str, device: str) -> None:
        self.keras, self.version, self.device = keras, version, device
        self.applications = keras.applications
        self.times = 1

    def prepare(self, job: str, of: str, logging: bool = False, times: int = 1) -> Callable[[], Any] | None:
        """Return what is timed."""
        self.times = times
        return getattr(self, f"_{job}")(of, **({"logging": True} if logging else {}))  # type: ignore[no-any-return]

    def _fit(self, of: str, logging: bool = False) -> Callable[[], Any]:
        x, y = WORKLOADS[of].data(self.times)
        model, batch = compiled(of, self.keras, logging), WORKLOADS[of].batch
        return lambda: model.fit(x, y, batch_size=batch, epochs=1, verbose=1)

    def _predict(self, of: str) -> Callable[[], Any]:
        x, _ = WORKLOADS[of].data(self.times)
        model = compiled(of, self.keras)
        return lambda: model.predict(x, verbose=0)

    def _call(self, of: str) -> Callable[[], None]:
        import torch

        x = torch.as_tensor(WORKLOADS[of].data()[0][: WORKLOADS[of].batch], device=self.device)
        model = compiled(of, self.keras)

        def run() -> None:
            with torch.inference_mode():
                for _ in range(CALLS):
                    model(x)

        return run

    def _build(self, of: str) -> Callable[[], Any]:
        return lambda: getattr(self.applications, of)(weights=None)

    def _clone(self, of: str) -> Callable[[], Any]:
        model = self._build(of)()
        return lambda: self.keras.models.clone_model(model)

    def _summary(self, of: str) -> Callable[[], Any]:
        model = self._build(of)()
        return lambda: model.summary(print_fn=lambda *_, **__: None)

    def _load(self, of: str) -> Callable[[], Any]:
        path = os.path.join(tempfile.mkdtemp(), "model.keras")
        self._build(of)().save(path)
        return lambda: self.keras.models.load_model(path)


def side(name: str, device: str) -> Any:
    """Return the side of this name, with its library imported."""
    if name in ("loop", "tuned loop"):
        return TorchSide(device, name == "tuned loop")
    if name == "keras_torch":
        import keras_torch

        return KerasSide(keras_torch, f"keras_torch {keras_torch.__version__}", device)
    if name == "Keras 3":
        os.environ["KERAS_BACKEND"] = "torch"
        import keras

        return KerasSide(keras, f"Keras {keras.__version__} on torch", device)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow

    return KerasSide(keras, f"Keras {keras.__version__} on TensorFlow {tensorflow.__version__}", device)


def finished(device: str) -> None:
    """Wait for the GPU's work."""
    if device == "cuda" and "torch" in sys.modules:
        sys.modules["torch"].cuda.synchronize()


def main() -> None:
    """Obey until the input ends."""
    name, device = sys.argv[1], sys.argv[2]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = Terminal()

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers, flush=True)

    here = side(name, device)
    answer(version=here.version)
    work: Callable[[], Any] | None = None
    for line in sys.stdin:
        order = json.loads(line)
        if "prepare" in order:
            work = None
            gc.collect()
            work = here.prepare(order["prepare"], order["of"], order["logging"], order["times"])
            if work is not None:
                work()
            answer(ready=work is not None)
        elif work is not None:
            gc.collect()
            finished(device)
            start = time.perf_counter()
            work()
            finished(device)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            answer(seconds=time.perf_counter() - start, peak=peak)


if __name__ == "__main__":
    main()
