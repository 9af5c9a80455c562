"""Keras 1's and 2's methods for generators; since tf.keras `fit`, `evaluate` and `predict` take generators."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from keras_torch import config, legacy


def _is_endless(source: Any) -> bool:
    """Whether a source only yields batches; one that tells their number, too, is a Sequence."""
    return isinstance(source, Iterator) and not hasattr(source, "__len__")


def _require_steps(source: Any, argument: str, steps: Any) -> None:
    """Refuse a generator without its number of batches, as Keras 1 and 2 did, whose generators never end."""
    if steps is None and config.is_classic() and _is_endless(source):
        raise ValueError(
            f"`{argument}` must be given with a generator, which does not tell how many batches it has. "
            f"Received: {argument}=None and {source!r}. Pass the number of batches, or use a `Sequence`."
        )


def _warn_of_processes(source: Any, workers: int | None, use_multiprocessing: bool | None) -> None:
    if use_multiprocessing and (workers or 0) > 1 and _is_endless(source):
        warnings.warn(
            f"A generator cannot be shared between {workers} worker processes, so one thread runs it ahead of the "
            "model. A `keras.utils.Sequence` is fetched by all of them.",
            UserWarning,
            stacklevel=4,
        )


class GeneratorMethods:
    """`fit_generator`, `evaluate_generator` and `predict_generator` under their old names and argument orders."""

    @legacy.translated("Model.fit_generator")
    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: int | str = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        class_weight: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> Any:
        """Train on batches from a generator or Sequence; the same as `fit`."""
        _warn_of_processes(generator, workers, use_multiprocessing)
        _require_steps(generator, "steps_per_epoch", steps_per_epoch)
        _require_steps(validation_data, "validation_steps", validation_steps)
        return self.fit(  # type: ignore[attr-defined]
            x=generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            class_weight=class_weight,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
        )

    @legacy.translated("Model.evaluate_generator")
    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int | str = 0,
    ) -> Any:
        """Measure the model on batches from a generator or Sequence; the same as `evaluate`."""
        _warn_of_processes(generator, workers, use_multiprocessing)
        _require_steps(generator, "steps", steps)
        return self.evaluate(  # type: ignore[attr-defined]
            x=generator,
            steps=steps,
            callbacks=callbacks,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            verbose=verbose,
        )

    @legacy.translated("Model.predict_generator")
    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int | str = 0,
    ) -> Any:
        """Predict for batches from a generator or Sequence; the same as `predict`."""
        _warn_of_processes(generator, workers, use_multiprocessing)
        _require_steps(generator, "steps", steps)
        return self.predict(  # type: ignore[attr-defined]
            x=generator,
            steps=steps,
            callbacks=callbacks,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            verbose=verbose,
        )
