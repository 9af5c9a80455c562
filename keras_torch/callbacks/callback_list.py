"""The one place that fires events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from keras_torch import config
from keras_torch.callbacks.base import EVENTS, Callback
from keras_torch.callbacks.history import History
from keras_torch.callbacks.logs import Logs
from keras_torch.callbacks.progress import ProgbarLogger
from keras_torch.distributed import is_main

LogSource = Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None
_OLD_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Listener(NamedTuple):
    """A hook to call, whether it is built in, its callback and its name."""

    call: Callable[..., Any]
    built_in: bool
    owner: Any
    name: str


def _blame(error: Exception, listener: Listener, index: int | None) -> None:
    """Add to an error which callback raised it, where and when; type, text and traceback stay."""
    moment = "" if index is None else f" ({'epoch' if 'epoch' in listener.name else 'batch'} {index})"
    note = f"Raised by the callback {type(listener.owner).__name__} in {listener.name}{moment}."
    if hasattr(error, "add_note"):
        error.add_note(note)
    elif error.args and isinstance(error.args[0], str):
        error.args = (f"{error.args[0]}\n{note}", *error.args[1:])


def _flatten(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    if isinstance(callbacks, (list, tuple)):
        return [callback for item in callbacks for callback in _flatten(item)]
    if isinstance(callbacks, type) or not (
        hasattr(callbacks, "set_model") or any(hasattr(callbacks, event) for event in EVENTS)
    ):
        raise TypeError(
            f"`callbacks` must hold instances of keras.callbacks.Callback. Received: {callbacks!r}"
            + (f" (write {callbacks.__name__}())" if isinstance(callbacks, type) else "")
        )
    return [callbacks]


class CallbackList:
    """Fires each event on the callbacks that listen to it.

    Which hooks are overridden is found out beforehand, so an event without listeners costs one dict lookup. The `logs`
    of an event may be None, a mapping, or a function that returns a mapping: it is called only if a listener looks at
    the values (built-in callbacks) or gets them (all others).
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks: list[Any] = _flatten(callbacks)
        self.model: Any = None
        self.params: dict[str, Any] = {}
        # Number of samples in the current batch; the training loop may keep it up to date.
        self.batch_size: int | None = None
        self.history: History | None = None
        self.complete(add_history, add_progbar, model, params)

    def complete(self, add_history: bool, add_progbar: bool, model: Any, params: dict[str, Any]) -> None:
        """Add what a run needs and the list does not have yet: a History, a progress bar, the model, the settings."""
        self.history = next((item for item in self.callbacks if isinstance(item, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        if add_progbar and not any(isinstance(item, ProgbarLogger) for item in self.callbacks):
            self._add_progbar(params)
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)
        self.refresh()

    def _add_progbar(self, params: dict[str, Any]) -> None:
        # Keras 1 and 2 drew the bar first and counted samples; since tf.keras it is drawn after the user's callbacks.
        if config.is_classic():
            self.callbacks.insert(0, ProgbarLogger("samples" if params.get("samples") else "steps"))
        else:
            self.callbacks.append(ProgbarLogger())

    def refresh(self) -> None:
        """Find out again who listens to what."""
        self._hooks: dict[str, tuple[Listener, ...]] = {}
        ordered = sorted(self.callbacks, key=lambda callback: bool(getattr(callback, "comes_last", False)))
        for event in EVENTS:
            entries = (self._listener(callback, event) for callback in ordered)
            self._hooks[event] = tuple(entry for entry in entries if entry is not None)

    def _listener(self, callback: Any, event: str) -> Listener | None:
        """Return what to call for an event, None if there is nothing."""
        if getattr(callback, "only_writes", False) and not is_main():
            return None
        return self._hook(callback, event)

    def _hook(self, callback: Any, event: str) -> Listener | None:
        for name in (event, _OLD_NAMES.get(event)):
            hook = getattr(callback, name, None) if name else None
            if hook is None or getattr(hook, "__func__", hook) is getattr(Callback, str(name)):
                continue
            if isinstance(callback, Callback) and name in callback.unused_hooks():
                return None
            built_in = (getattr(hook, "__module__", None) or "").startswith("keras_torch.")
            return Listener(hook, built_in, callback, str(name))
        return None

    def listens(self, event: str) -> bool:
        """Whether any callback listens to `event`, e.g. `"on_train_batch_end"`."""
        return bool(self._hooks[event])

    def listens_to_values(self, event: str) -> bool:
        """Whether a callback listens to `event` that neither is the progress bar nor keeps backups of the run.

        The answer is the same in all processes that train together.
        """
        others = (c for c in self.callbacks if not isinstance(c, ProgbarLogger) and not hasattr(c, "follow"))
        return any(self._hook(callback, event) is not None for callback in others)

    def append(self, callback: Any) -> None:
        """Add a callback at the end."""
        self.callbacks.extend(_flatten(callback))
        self.refresh()

    def set_params(self, params: dict[str, Any]) -> None:
        """Hand the settings of the run to every callback."""
        self.params = params
        for callback in self.callbacks:
            if hasattr(callback, "set_params"):
                callback.set_params(params)
        self.refresh()

    def set_model(self, model: Any) -> None:
        """Hand the model to every callback, and the history to the model."""
        self.model = model
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            if hasattr(callback, "set_model"):
                callback.set_model(model)
        self.refresh()

    def set_validation_data(self, data: Any) -> None:
        """Give every callback the validation arrays, as Keras 1 and 2 did."""
        for callback in self.callbacks:
            callback.validation_data = data

    def _fire(self, event: str, logs: LogSource) -> None:
        hooks = self._hooks[event]
        if hooks:
            logs = logs if isinstance(logs, Logs) else Logs(logs)
            for listener in hooks:
                if not listener.built_in:
                    logs.read()
                try:
                    listener.call(logs)
                except Exception as error:
                    _blame(error, listener, None)
                    raise

    def _fire_indexed(self, event: str, index: int, logs: LogSource) -> None:
        hooks = self._hooks[event]
        if not hooks:
            return
        logs = logs if isinstance(logs, Logs) else Logs(logs)
        if "batch" in event and config.is_classic():
            logs.add_later(batch=index, size=self.batch_size or self.params.get("batch_size") or 0)
        for listener in hooks:
            if not listener.built_in:
                if "epoch" in event:
                    logs.read()
                else:
                    # Values stay on the device until the callback looks at them.
                    logs.fetch()
            try:
                listener.call(index, logs)
            except Exception as error:
                _blame(error, listener, index)
                raise

    def on_train_begin(self, logs: LogSource = None) -> None:
        """Fire the event. Callbacks may define further hooks in it."""
        self._fire("on_train_begin", logs)
        self.refresh()

    def on_train_end(self, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire("on_train_end", logs)

    def on_test_begin(self, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire("on_test_begin", logs)

    def on_test_end(self, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire("on_test_end", logs)

    def on_predict_begin(self, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire("on_predict_begin", logs)

    def on_predict_end(self, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire("on_predict_end", logs)

    def on_epoch_begin(self, epoch: int, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire_indexed("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire_indexed("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire_indexed("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire_indexed("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire_indexed("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire_indexed("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire_indexed("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: LogSource = None) -> None:
        """Fire the event."""
        self._fire_indexed("on_predict_batch_end", batch, logs)

    on_batch_begin = on_train_batch_begin
    on_batch_end = on_train_batch_end

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def __len__(self) -> int:
        return len(self.callbacks)
