"""A network dreams: scipy's L-BFGS changes the picture until its layers respond more strongly."""

from __future__ import print_function

import os

import numpy as np

np.random.seed(5)
from scipy.optimize import fmin_l_bfgs_b

from keras import backend as K
from keras.layers import Convolution2D, Dense, Flatten, Input, MaxPooling2D
from keras.models import Model
from keras.utils.np_utils import to_categorical

here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
first = K.image_dim_ordering() == "th"
images = np.expand_dims(digits["images"][:600].astype("float32") / 8 - 1, 1 if first else 3)
size = images.shape[1:]
STRENGTHS = {"deep": 0.05, "deeper": 0.02}
SMOOTH, DARK = 0.1, 0.02

# The network is built on the one picture that dreams, and learns what digits are through a second input.
dream = Input(batch_shape=(1,) + size)
x = Convolution2D(8, 3, 3, activation="relu", border_mode="same", name="shallow")(dream)
x = Convolution2D(8, 3, 3, activation="relu", border_mode="same", name="deep")(x)
x = MaxPooling2D((2, 2), strides=(2, 2))(x)
x = Convolution2D(12, 3, 3, activation="relu", border_mode="same", name="deeper")(x)
model = Model(dream, x)
any_digit = Input(shape=size)
reader = Model(any_digit, Dense(10, activation="softmax")(Flatten()(model(any_digit))))
reader.compile("adam", "categorical_crossentropy")
reader.fit(images, to_categorical(digits["labels"][:600], 10), nb_epoch=2, verbose=0)


def part(x, rows, columns):
    return x[:, :, rows, columns] if first else x[:, rows, columns, :]


def roughness(x):
    """How much neighbours differ, downwards and to the right."""
    most, rest = slice(None, -1), slice(1, None)
    down = K.square(part(x, most, most) - part(x, rest, most))
    right = K.square(part(x, most, most) - part(x, most, rest))
    return K.sum(K.pow(down + right, 1.25))


layers = dict((layer.name, layer) for layer in model.layers)
loss = K.variable(0.0)
for name, strength in sorted(STRENGTHS.items()):
    inner = part(layers[name].output, slice(1, -1), slice(1, -1))
    loss -= strength * K.sum(K.square(inner)) / np.prod(layers[name].output_shape[1:])
loss += SMOOTH * roughness(dream) / np.prod(size)
loss += DARK * K.sum(K.square(dream)) / np.prod(size)
both = K.function([dream], [loss] + K.gradients(loss, [dream]))


def loss_and_slope(flat):
    value, slope = both([flat.reshape((1,) + size)])
    return float(value), slope.ravel().astype("float64")


first_loss = loss_and_slope(images[:1])[0]
picture, minima = images[:1].ravel().astype("float64"), []
for round in range(3):
    shake = np.random.uniform(-0.01, 0.01, picture.shape)
    picture, least, facts = fmin_l_bfgs_b(loss_and_slope, picture + shake, maxfun=7)
    picture -= shake
    minima.append(float(least))
    print("round", round, "loss", least, "after", facts["funcalls"], "looks")
