"""`keras.optimizer_v2` of tf.keras, whose names are those of its files: `adam.Adam`; in ours `adam` is the class."""

from keras_torch import optimizers
from keras_torch.optimizers import schedules as learning_rate_schedule

adadelta = adagrad = adam = adamax = ftrl = gradient_descent = nadam = rmsprop = optimizers

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "ftrl",
    "gradient_descent",
    "learning_rate_schedule",
    "nadam",
    "rmsprop",
]
