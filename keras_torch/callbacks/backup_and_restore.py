"""BackupAndRestore: a training that survives the death of its process."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import threading
import warnings
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from keras_torch.callbacks.base import Callback
from keras_torch.checkpoint import atomic, check_writable, pack, replacing, unpack
from keras_torch.distributed import from_main, is_active, is_main, sum_over_processes
from keras_torch.errors import FileFormatError

FORMAT = 1
_ZIP = b"PK\x03\x04"
_DAMAGE = (OSError, RuntimeError, EOFError, KeyError, ValueError, TypeError, pickle.UnpicklingError, zipfile.BadZipFile)
# What Keras 3 and Keras 2.15 leave in the folder of a backup.
_OF_KERAS = ("training_metadata.json", "latest.weights.h5", "chief", "checkpoint")
# The histories of the fits that were finished in this process, by the folder of their backups.
_finished: dict[str, list[Any]] = {}


class BackupAndRestore(Callback):
    """Saves the whole state of a training, so that the same script, run again after it was killed, goes on from there.

    The rest then is what it would have been, to the last bit on a CPU: weights, optimizer, order of the samples, random
    numbers, History, and the other callbacks. Callbacks, Sequences and generators may define `state_dict()` and
    `load_state_dict(state)`; else their attributes that are data are kept (a generator is drawn from anew).

    Args:
        backup_dir: A folder for one training. Its file `backup.pt` is replaced in one step.
        save_freq: `"epoch"`, a number of batches, or False with `save_before_preemption`.
        double_checkpoint: Keep the backup before the last one, too, in case the last one cannot be read.
        delete_checkpoint: Remove the backup when training is complete.
        save_before_preemption: On SIGTERM save after the current batch; then the signal has its usual effect.

    Errors: ValueError if the backup belongs to another model, or the data changed in the middle of an epoch.
    """

    comes_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int | bool = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
        save_before_preemption: bool = False,
    ) -> None:
        if not backup_dir:
            raise ValueError(f"`backup_dir` of BackupAndRestore must be the name of a folder. Received: {backup_dir!r}")
        number = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if not (save_freq == "epoch" or number or save_freq is False):
            raise ValueError(
                "`save_freq` of BackupAndRestore must be 'epoch' or a positive number of batches. "
                f"Received: {save_freq!r}"
            )
        if not save_freq and not save_before_preemption:
            raise ValueError(
                "BackupAndRestore would never save: give `save_freq` or `save_before_preemption=True`. "
                f"Received: save_freq={save_freq!r}, save_before_preemption={save_before_preemption!r}"
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.save_before_preemption = save_before_preemption
        self._run: Any = None
        self._batches_since_backup = 0
        self._signalled = False
        self._listens = False
        self._former_handler: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_run": None, "_listens": False, "_former_handler": None}

    @property
    def _path(self) -> Path:
        return Path(self.backup_dir, "backup.pt")

    @property
    def _previous_path(self) -> Path:
        return Path(self.backup_dir, "backup.previous.pt")

    def _finished_before(self) -> list[Any]:
        return _finished.setdefault(os.path.realpath(self.backup_dir), [])

    def unused_hooks(self) -> Collection[str]:
        return () if self._counts_batches() or self.save_before_preemption else ("on_train_batch_end",)

    def _counts_batches(self) -> bool:
        return self.save_freq not in ("epoch", False)

    def follow(self, run: Any) -> None:
        """Receive the training whose state is to be kept; None when it is left, for whatever reason."""
        self._run = run
        if run is None:
            self._stop_listening()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._run is None:
            raise RuntimeError("BackupAndRestore keeps the state of `fit` and has no use in other loops.")
        check_writable(str(self._path), "BackupAndRestore")
        if is_main():
            self._remove_leftovers()
        self._batches_since_backup = 0
        self._run.watch()
        state = from_main(self._read)
        finished = self._finished_before()
        if state is not None and len(state["finished"]) > len(finished):
            warnings.warn(
                f"The backup in {self.backup_dir!r} was made after this `fit` was complete, in a later one, which will "
                "go on. Nothing is trained now, and the model keeps its weights until then.",
                stacklevel=2,
            )
            self._run.skip(unpack(state["finished"][len(finished)]))
        elif state is not None:
            self._run.load_state_dict(state["run"])
        if self.save_before_preemption:
            self._listen()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._batches_since_backup += self._run.model.steps_per_execution
        due = self._counts_batches() and self._batches_since_backup >= self.save_freq  # type: ignore[operator]
        if due or self._is_signalled():
            self._batches_since_backup = 0
            self._write(self._run.state_dict(midway=True, logs=logs))
            self._pass_signal_on()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch" or self._is_signalled():
            self._write(self._run.state_dict())
            self._pass_signal_on()

    def _is_signalled(self) -> bool:
        """Whether a signal came, to any of several processes: all of them write together."""
        if self.save_before_preemption and is_active():
            self._signalled = sum_over_processes([float(self._signalled)]).item() > 0
        return self._signalled

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        history = dict(getattr(self.model.history, "history", {}))
        self._finished_before().append(pack(history))
        if self.delete_checkpoint and not self._run.skipped and is_main():
            # The older one first: it must not be found alone.
            for path in (self._previous_path, self._path):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                # Only an empty folder goes.
                os.rmdir(self.backup_dir)

    def _write(self, state: dict[str, Any]) -> None:
        if not is_main():
            return
        finished = self._finished_before()
        with replacing(str(self._path)) as temporary:
            with open(temporary, "wb") as file:
                torch.save({"format": FORMAT, "finished": finished, "run": state}, file)
            if self.double_checkpoint and self._path.exists():
                self._keep_previous()

    def _keep_previous(self) -> None:
        if self._previous_path.exists() and os.path.samefile(self._path, self._previous_path):
            # A process was killed at this very place; renaming one link of a file to another would do nothing.
            return
        with replacing(str(self._previous_path)) as temporary:
            os.unlink(temporary)
            try:
                os.link(self._path, temporary)
            except OSError:
                shutil.copyfile(self._path, temporary)

    def _read(self) -> dict[str, Any] | None:
        """Return the last backup, or the one before if the last one cannot be read; None if there is none."""
        paths = [path for path in (self._path, self._previous_path) if path.exists()]
        if not paths:
            self._refuse_backups_of_keras()
            return None
        try:
            return read(paths[0])
        except FileFormatError as error:
            if len(paths) == 1:
                raise
            warnings.warn(f"{error} The backup before it is used.", stacklevel=3)
            return read(paths[1])

    def _refuse_backups_of_keras(self) -> None:
        found = [name for name in _OF_KERAS if Path(self.backup_dir, name).exists()]
        if found:
            raise ValueError(
                f"`backup_dir` of BackupAndRestore holds a backup that Keras itself made ({found[0]!r}), which lacks "
                "most of what is needed to go on. Load weights in `.h5` files with `model.load_weights`, give `fit` an "
                f"`initial_epoch`, and choose another folder. Received: backup_dir={self.backup_dir!r}"
            )

    def _remove_leftovers(self) -> None:
        """Remove what writers left that were killed."""
        for kept in (self._path, self._previous_path):
            for path in Path(self.backup_dir).glob(f"{atomic.temporary_prefix(str(kept))}*.tmp"):
                path.unlink(missing_ok=True)

    def _listen(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise ValueError(
                "`save_before_preemption` of BackupAndRestore needs `fit` to run in the main thread, which alone gets "
                "signals. Received: True in another thread"
            )
        self._signalled = False
        self._former_handler = signal.signal(signal.SIGTERM, self._note_signal) or signal.SIG_DFL
        self._listens = True

    def _note_signal(self, number: int, frame: Any) -> None:
        self._signalled = True

    def _stop_listening(self) -> None:
        if self._listens:
            self._listens = False
            signal.signal(signal.SIGTERM, self._former_handler)
            self._pass_signal_on()

    def _pass_signal_on(self) -> None:
        """Let a signal that waited for the backup do what it would have done."""
        if self._signalled:
            self._signalled = False
            self._stop_listening()
            os.kill(os.getpid(), signal.SIGTERM)


def read(path: Path) -> dict[str, Any]:
    """Read a backup. FileFormatError if it is damaged, or none. No code in the file is run."""
    try:
        with path.open("rb") as file:
            if file.read(4) != _ZIP:
                raise ValueError("it does not begin like a file of torch.save")
        with zipfile.ZipFile(path) as archive:
            # torch does not compare checksums when it reads.
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged!r} is wrong")
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is number {content['format']}, only {FORMAT} is known")
        return {"finished": content["finished"], "run": content["run"]}
    except _DAMAGE as error:
        raise FileFormatError(
            f"The backup {str(path)!r} cannot be read: {error}. Remove it to begin training anew."
        ) from error
