"""A thread that does something at regular intervals beside training."""

from __future__ import annotations

import threading
import warnings
from typing import Any


class TimedThread:
    """Calls `on_interval()`, which subclasses implement, every `interval` seconds from `start()` to `stop()`.

    It is a context manager, too. Further arguments go to `threading.Thread`, which is a daemon unless told otherwise.
    """

    def __init__(self, interval: float, **kwargs: Any) -> None:
        self.interval = interval
        self.daemon = kwargs.pop("daemon", True)
        self.thread_kwargs = kwargs
        self.thread: threading.Thread | None = None
        self.thread_stop_event: threading.Event | None = None

    def on_interval(self) -> None:
        """What is done at each interval."""
        raise NotImplementedError(f"{type(self).__name__} must implement `on_interval()`.")

    def start(self) -> None:
        """Start the thread; with a warning if it runs already."""
        if self.is_alive():
            warnings.warn(f"{type(self).__name__} is running already.", stacklevel=2)
            return
        self.thread_stop_event = event = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(event,), daemon=self.daemon, **self.thread_kwargs)
        self.thread.start()

    def stop(self) -> None:
        """End the thread, once `on_interval` returns."""
        if self.thread_stop_event is not None:
            self.thread_stop_event.set()

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self.thread is not None and self.thread.is_alive()

    def _run(self, event: threading.Event) -> None:
        while not event.is_set():
            self.on_interval()
            event.wait(self.interval)

    def __enter__(self) -> TimedThread:
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()
