"""`keras.optimizers.legacy` of Keras 2.11-2.15: the same classes."""

from __future__ import annotations

from keras_torch.optimizers.adam import Adam, Adamax, Nadam
from keras_torch.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.others import Ftrl
from keras_torch.optimizers.sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop"]
