"""A small student learns from the probabilities of a teacher; compute_loss works on every backend."""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(19)
data = np.load(Path(__file__).parent.parent / "data" / "digits.npz")
x = (data["images"] / 16.0).astype("float32")[..., None]
x_train, y_train, x_test, y_test = x[:800], data["labels"][:800], x[1200:], data["labels"][1200:]


class Distiller(keras.Model):
    def __init__(self, student, teacher):
        super().__init__()
        self.teacher = teacher
        self.student = student

    def compile(self, optimizer, metrics, student_loss_fn, distillation_loss_fn, alpha=0.1, temperature=3):
        """Configure the distiller: alpha weighs the labels, temperature softens the probabilities."""
        super().compile(optimizer=optimizer, metrics=metrics)
        self.student_loss_fn = student_loss_fn
        self.distillation_loss_fn = distillation_loss_fn
        self.alpha = alpha
        self.temperature = temperature

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, allow_empty=False):
        teacher_pred = self.teacher(x, training=False)
        student_loss = self.student_loss_fn(y, y_pred)
        distillation_loss = self.distillation_loss_fn(
            ops.softmax(teacher_pred / self.temperature, axis=1),
            ops.softmax(y_pred / self.temperature, axis=1),
        ) * (self.temperature**2)
        loss = self.alpha * student_loss + (1 - self.alpha) * distillation_loss
        return loss

    def call(self, x):
        return self.student(x)


def network(filters, name):
    return keras.Sequential(
        [
            keras.Input(shape=(8, 8, 1)),
            layers.Conv2D(filters[0], (3, 3), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.MaxPooling2D(pool_size=(2, 2), strides=(1, 1), padding="same"),
            layers.Conv2D(filters[1], (3, 3), strides=(2, 2), padding="same"),
            layers.Flatten(),
            layers.Dense(10),
        ],
        name=name,
    )


teacher = network((16, 24), "teacher")
student = network((8, 12), "student")
student_scratch = keras.models.clone_model(student)
teacher.compile(
    optimizer=keras.optimizers.Adam(0.005),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
teacher_history = teacher.fit(x_train, y_train, epochs=6, verbose=2)
teacher_scores = teacher.evaluate(x_test, y_test, return_dict=True)
teacher.trainable = False

distiller = Distiller(student=student, teacher=teacher)
distiller.compile(
    optimizer=keras.optimizers.Adam(0.005),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
    student_loss_fn=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    distillation_loss_fn=keras.losses.KLDivergence(),
    alpha=0.1,
    temperature=5,
)
before = [np.array(w) for w in teacher.weights]
history = distiller.fit(x_train, y_train, epochs=6, verbose=2)
teacher_unchanged = all(np.array_equal(w, b) for w, b in zip(teacher.weights, before, strict=True))
distilled_scores = distiller.evaluate(x_test, y_test, return_dict=True)

student_scratch.compile(
    optimizer=keras.optimizers.Adam(0.005),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
scratch_history = student_scratch.fit(x_train, y_train, epochs=6, verbose=2)
scratch_scores = student_scratch.evaluate(x_test, y_test, return_dict=True)
print("teacher", teacher_scores, "distilled", distilled_scores, "alone", scratch_scores)
