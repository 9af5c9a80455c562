"""`keras.distillation` against Keras 3.15 (`scripts/golden/distillation_values.py`)."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))
import distillation_cases as golden  # noqa: E402

GOLDEN = json.loads((ROOT / "tests" / "golden" / "distillation_keras3151.json").read_text())


@pytest.mark.parametrize("case", golden.CASES)
def test_a_student_learns_as_in_keras(case):
    found, expected = golden.trained(keras, case), GOLDEN[case]
    assert found["history"].keys() == expected["history"].keys()
    for name, values in expected["history"].items():
        np.testing.assert_allclose(found["history"][name], values, rtol=1e-5, atol=1e-6)
    assert found["evaluate"] == pytest.approx(expected["evaluate"], rel=1e-5)
    for mine, theirs in zip(found["weights"], expected["weights"], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_the_config_is_keras_s_and_makes_an_equal_distiller(tmp_path):
    keras.config.set_dialect("3")
    model = golden.distiller(keras, "both")
    config = model.get_config()
    assert config.keys() == GOLDEN["config"].keys()
    for key in ("distillation_losses", "distillation_loss_weights", "student_loss_weight", "name"):
        assert config[key] == GOLDEN["config"][key]
    again = Distiller.from_config(GOLDEN["config"])
    again.student.set_weights(model.student.get_weights())
    x = golden.numbers(2, 4)
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
    model.save(tmp_path / "distiller.keras")
    loaded = keras.models.load_model(tmp_path / "distiller.keras")
    assert [type(loss) for loss in loaded.distillation_losses] == [LogitsDistillation, FeatureDistillation]
    y = np.arange(2)
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_the_teacher_is_frozen_and_the_student_is_left_for_use():
    model = golden.distiller(keras, "logits")
    before = model.teacher.get_weights()
    model.fit(golden.numbers(6, 4), np.arange(6) % 3, verbose=0)
    for one, other in zip(before, model.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not model.teacher.trainable
    x = golden.numbers(2, 4)
    np.testing.assert_array_equal(model.student.predict(x, verbose=0), model.predict(x, verbose=0))


class Halves(DistillationLoss):
    """A loss of the user's own."""

    def __init__(self, reduced=True):
        self.reduced = reduced

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        found = torch.abs(teacher_outputs - student_outputs)
        return found.mean() if self.reduced else found


def test_losses_of_ones_own_must_be_scalars():
    x, y = golden.numbers(6, 4), np.arange(6) % 3
    for reduced in (True, False):
        models = golden.model(keras, "hidden", "teacher"), golden.model(keras, "small", "student")
        model = Distiller(*models, Halves(reduced))
        model.compile("sgd", "sparse_categorical_crossentropy")
        if reduced:
            assert np.isfinite(model.fit(x, y, verbose=0).history["distillation_loss"]).all()
        else:
            with pytest.raises(ValueError, match="`compute_loss` of Halves must return a scalar"):
                model.fit(x, y, verbose=0)


def test_what_does_not_fit_together_is_refused():
    teacher, student = golden.model(keras, "hidden", "teacher"), golden.model(keras, "small", "student")
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    for arguments, words in [
        ((teacher, other, LogitsDistillation()), "outputs must have equal shapes"),
        ((teacher, "student", LogitsDistillation()), "Student must be a keras.Model"),
        ((teacher, student, None), "cannot be None"),
        ((teacher, student, [LogitsDistillation()], [1.0, 2.0]), "one number for each of the 1"),
        ((teacher, student, LogitsDistillation(), None, 1.5), "between 0.0 and 1.0"),
        ((teacher, student, FeatureDistillation("mse", "hidden", "none")), "In the student model"),
    ]:
        with pytest.raises(ValueError, match=words):
            Distiller(*arguments)
    for make, words in [
        (lambda: LogitsDistillation(0), "positive"),
        (lambda: LogitsDistillation("3"), "must be a number"),
        (lambda: FeatureDistillation(None), "other than None"),
        (lambda: LogitsDistillation(loss="nonsense"), "nonsense"),
        (lambda: golden.distiller(keras, "logits").compile("sgd"), "`loss` of a Distiller cannot be None"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()
