"""Training a small model, the student, on what a large one, the teacher, answers: `keras.distillation` of Keras 3.15.

The softened probabilities and their factor of temperature squared are those of Hinton et al. 2015, "Distilling the
Knowledge in a Neural Network".
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from keras_torch import losses, metrics, ops, registry, tree
from keras_torch.engine import Layer
from keras_torch.models import Model

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]

_OUTPUT = "final_output"


class DistillationLoss:
    """Base of what compares teacher and student. Subclasses define `compute_loss`."""

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> torch.Tensor:
        """Return a scalar from outputs, or nested outputs, of both models."""
        raise NotImplementedError(
            f"{type(self).__name__} must define `compute_loss(teacher_outputs, student_outputs)`."
        )

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raise ValueError unless both have the same structure."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Raise ValueError if the models lack what this loss looks at; the default asks for nothing."""


class _ByOutput(DistillationLoss):
    """A loss, or a structure of losses like that of the outputs; None leaves an output out."""

    def __init__(self, loss: Any) -> None:
        self.loss = tree.map_structure(losses.get, loss)
        if all(item is None for item in tree.flatten(self.loss)):
            raise ValueError(
                f"`loss` of {type(self).__name__} must contain at least one value other than None. Received: {loss!r}"
            )

    def _sum(self, one: Callable[..., torch.Tensor], teacher: Any, student: Any) -> torch.Tensor:
        """Return the sum of `one(loss, teacher output, student output)` over the outputs that have a loss."""
        values = tree.map_structure(
            lambda loss, *outputs: None if loss is None else one(loss, *outputs), self.loss, teacher, student
        )
        return torch.stack([value for value in tree.flatten(values) if value is not None]).sum()

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raise ValueError unless losses and the outputs of both have the same structure."""
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_structure(self.loss, teacher_outputs)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`loss` of {type(self).__name__} has another structure than the outputs: {error}"
            ) from error

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make the loss again from `get_config`."""
        return cls(**{**config, "loss": _losses_of(config["loss"])})


def _losses_of(config: Any) -> Any:
    """Return losses from their configs, which may stand in lists and dicts."""
    if isinstance(config, dict) and "class_name" not in config:
        return {key: _losses_of(item) for key, item in config.items()}
    return [_losses_of(item) for item in config] if isinstance(config, (list, tuple)) else losses.get(config)


class FeatureDistillation(_ByOutput):
    """Compares outputs of a layer of the teacher with those of a layer of the student; without names, final outputs.

    The models must have graphs where layers are named. ValueError for layers that they lack.
    """

    def __init__(
        self, loss: Any = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None
    ) -> None:
        super().__init__(loss)
        self.teacher_layer_name, self.student_layer_name = teacher_layer_name, student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Raise ValueError unless the models have graphs with the layers that are named."""
        named = {"teacher": (teacher, self.teacher_layer_name), "student": (student, self.student_layer_name)}
        if any(layer is not None for _, layer in named.values()):
            without = [role for role, (model, _) in named.items() if getattr(model, "inputs", None) is None]
            if without:
                raise ValueError(
                    "FeatureDistillation of named layers needs Functional or Sequential models. Received: a subclassed "
                    f"{' and '.join(without)}. Leave the names out to compare the final outputs."
                )
        for role, (model, layer) in named.items():
            if layer is not None:
                try:
                    model.get_layer(name=layer)
                except ValueError as error:
                    raise ValueError(f"In the {role} model: {error}") from error

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> torch.Tensor:
        """Return the sum of the means of the losses."""
        return self._sum(lambda loss, first, second: ops.mean(loss(first, second)), teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "loss": tree.map_structure(losses.serialize, self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


class LogitsDistillation(_ByOutput):
    """Compares final logits, both divided by `temperature` (a number above 0).

    A KLDivergence gets their softmax and is multiplied by the temperature squared. Other losses get the logits, as does
    in Keras what the name "kl_divergence" stands for, the function.
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence") -> None:
        super().__init__(loss)
        if not isinstance(temperature, (int, float)):
            raise ValueError(f"`temperature` must be a number. Received: {temperature!r} of {type(temperature)}")
        if temperature <= 0:
            raise ValueError(f"`temperature` must be positive. Received: {temperature!r}")
        self.temperature = temperature

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> torch.Tensor:
        """Return the sum of the means of the losses."""

        def one(loss: Any, teacher: Any, student: Any) -> torch.Tensor:
            teacher, student = teacher / self.temperature, student / self.temperature
            if isinstance(loss, losses.KLDivergence):
                return ops.mean(loss(ops.softmax(teacher), ops.softmax(student))) * self.temperature**2
            return ops.mean(loss(teacher, student))

        return self._sum(one, teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"temperature": self.temperature, "loss": tree.map_structure(losses.serialize, self.loss)}


class Distiller(Model):
    """A model that answers as `student` and trains it on the targets and on the answers of `teacher`, which is frozen.

    The loss is `student_loss_weight` (0 to 1) times that of `compile`, plus the rest of 1 times the weighted sum of
    `distillation_losses` (one or several; weights are 1 unless given). ValueError for models whose inputs or outputs
    differ in shape or dtype.
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any,
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        _check_models(teacher, student)
        self.teacher, self.student = teacher, student
        if not isinstance(student_loss_weight, (int, float)) or not 0 <= student_loss_weight <= 1:
            raise ValueError(
                f"`student_loss_weight` must be a number between 0.0 and 1.0. Received: {student_loss_weight!r}"
            )
        self.student_loss_weight = student_loss_weight
        if distillation_losses is None:
            raise ValueError(
                "`distillation_losses` cannot be None. Pass LogitsDistillation(), FeatureDistillation() or a list."
            )
        several = isinstance(distillation_losses, (list, tuple))
        found = list(distillation_losses) if several else [distillation_losses]
        if not several and distillation_loss_weights is not None:
            warnings.warn(
                "A single distillation loss has the weight 1, as in Keras; `distillation_loss_weights` counts with a "
                f"list of losses. Received: {distillation_loss_weights!r}",
                stacklevel=2,
            )
            distillation_loss_weights = None
        weights = [1.0] * len(found) if distillation_loss_weights is None else distillation_loss_weights
        if len(weights) != len(found):
            raise ValueError(
                f"`distillation_loss_weights` must have one number for each of the {len(found)} distillation losses. "
                f"Received: {distillation_loss_weights!r}"
            )
        self.distillation_losses, self.distillation_loss_weights = found, list(weights)
        for loss in found:
            loss.validate_model_compatibility(teacher, student)
        self._teacher_feature_extractor = _extractor(teacher, [loss.teacher_layer_name for loss in found])
        self._student_feature_extractor = _extractor(student, [loss.student_layer_name for loss in found])
        teacher.trainable = False
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any) -> None:  # type: ignore[override]
        """Set the optimizer, the loss of the student on the targets (needed), and a list of metrics."""
        if loss is None:
            raise ValueError("`loss` of a Distiller cannot be None: it compares the student with the targets.")
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(f"`metrics` of a Distiller must be a list or tuple. Received: {metrics!r}")
        self._student_loss = tree.map_structure(losses.get, loss)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile` as plain data, or None before `compile`."""
        config = super().get_compile_config()
        return config and {**config, "loss": tree.map_structure(losses.serialize, self._student_loss)}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with the result of `get_compile_config`."""
        arguments = {key: value for key, value in config.items() if key in ("optimizer", "jit_compile", "run_eagerly")}
        found = {key: registry.deserialize_keras_object(config.get(key)) for key in ("metrics", "weighted_metrics")}
        self.compile(loss=_losses_of(config["loss"]), **arguments, **found)

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """Return what the student answers."""
        return self.student(inputs, training=training, **kwargs)

    def compute_loss(  # type: ignore[override]
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> torch.Tensor:
        """Return the weighted sum of the student's loss and of what the distillation losses say.

        As in Keras, sample weights do not count.
        """
        y_pred = self(x, training=training) if y_pred is None else y_pred
        of_targets = torch.zeros(())
        if self.student_loss_weight > 0 and y is not None:
            values = tree.map_structure(lambda loss, true, pred: loss(true, pred), self._student_loss, y, y_pred)
            of_targets = torch.stack([ops.mean(value) for value in tree.flatten(values)]).sum()
        of_teacher = torch.zeros(())
        if self.student_loss_weight < 1:
            of_teacher = self._compare(x, y_pred, training)
        total = self.student_loss_weight * of_targets + (1 - self.student_loss_weight) * of_teacher
        self.student_loss_tracker.update_state(of_targets)
        self.distillation_loss_tracker.update_state(of_teacher)
        self.total_loss_tracker.update_state(total)
        return total

    def _compare(self, x: Any, y_pred: Any, training: bool) -> torch.Tensor:
        """Return the weighted sum of the distillation losses."""
        with torch.no_grad():
            if self._teacher_feature_extractor is None:
                of_teacher = {_OUTPUT: self.teacher(x, training=False)}
            else:
                of_teacher = self._teacher_feature_extractor(x, training=False)
        of_student = {}
        if self._student_feature_extractor is not None:
            of_student = self._student_feature_extractor(x, training=training)
        of_student[_OUTPUT] = y_pred
        found = []
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            teacher = of_teacher[loss.teacher_layer_name or _OUTPUT]
            student = of_student[(loss.teacher_layer_name and loss.student_layer_name) or _OUTPUT]
            loss.validate_outputs(teacher, student)
            value = loss.compute_loss(teacher, student)
            if getattr(value, "shape", ()):
                raise ValueError(
                    f"`compute_loss` of {type(loss).__name__} must return a scalar. Received: a tensor of shape "
                    f"{tuple(value.shape)}"
                )
            found.append(weight * value)
        return sum(found[1:], found[0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments: both models, the losses and their weights."""
        return {
            **Layer.get_config(self),
            "teacher": registry.serialize_keras_object(self.teacher),
            "student": registry.serialize_keras_object(self.student),
            "distillation_losses": [registry.serialize_keras_object(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": list(self.distillation_loss_weights),
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make the distiller again from `get_config`."""
        made = {key: registry.deserialize_keras_object(config[key], custom_objects) for key in ("teacher", "student")}
        made["distillation_losses"] = [
            registry.deserialize_keras_object(item, custom_objects) for item in config["distillation_losses"]
        ]
        return cls(**{**config, **made})


def _extractor(model: Any, names: list[str | None]) -> Any:
    """Return a model with the final outputs and those of the named layers; None if no layer is named."""
    wanted = {name: model.get_layer(name=name).output for name in names if name}
    if not wanted:
        return None
    outputs = {_OUTPUT: model.outputs[0] if len(model.outputs) == 1 else model.outputs, **wanted}
    return Model(inputs=model.inputs, outputs=outputs, name=f"{model.name}_multi_feature_extractor")


def _check_models(teacher: Any, student: Any) -> None:
    """Raise ValueError unless both are models whose inputs and outputs, as far as known, are alike."""
    for role, model in (("Teacher", teacher), ("Student", student)):
        if not isinstance(model, Model):
            raise ValueError(f"{role} must be a keras.Model. Received: {type(model)}")
    for what in ("inputs", "outputs"):
        first, second = getattr(teacher, what, None), getattr(student, what, None)
        if first is None or second is None:
            continue
        if len(first) != len(second):
            raise ValueError(f"Teacher and student must have as many {what}. Received: {len(first)} and {len(second)}")
        for one, other in zip(first, second, strict=True):
            sizes = list(zip(one.shape, other.shape, strict=False))
            alike = len(one.shape) == len(other.shape) and all(None in pair or pair[0] == pair[1] for pair in sizes)
            if not alike or one.dtype != other.dtype:
                raise ValueError(
                    f"Teacher and student {what} must have equal shapes and dtypes. Received: {tuple(one.shape)} "
                    f"{one.dtype} and {tuple(other.shape)} {other.dtype}"
                )


registry.layers.add([Distiller])
registry.distillation.add([FeatureDistillation, LogitsDistillation])
