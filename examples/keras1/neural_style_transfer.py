"""A picture with the contents of one and the style of another, drawn by scipy's L-BFGS.

The three pictures go through the network as one batch: two of them are variables, the third is a placeholder.
"""

from __future__ import print_function, division

import numpy as np

np.random.seed(8)
from scipy.optimize import fmin_l_bfgs_b

from keras import backend as K
from keras.engine import Input
from keras.layers import Convolution2D, MaxPooling2D
from keras.models import Model

SIDE = 12
CONTENT, STYLE, SMOOTH = 0.025, 1.0, 1e-3
first = K.image_dim_ordering() == "th"
size = (3, SIDE, SIDE) if first else (SIDE, SIDE, 3)


def prepared(picture):
    """One picture as the batch that the network takes: blue first, centred."""
    batch = picture[None, :, :, ::-1] * 4.0 - 2.0
    return batch.transpose(0, 3, 1, 2) if first else batch


square = np.zeros((SIDE, SIDE, 3))
square[3:9, 3:9] = 1.0
stripes = np.zeros((SIDE, SIDE, 3))
stripes[::2] = 0.9, 0.5, 0.1

drawn = K.placeholder((1,) + size)
three = K.concatenate([K.variable(prepared(square)), K.variable(prepared(stripes)), drawn], axis=0)
batch = Input(tensor=three, shape=size)
x = Convolution2D(8, 3, 3, activation="relu", border_mode="same", name="fine")(batch)
x = MaxPooling2D((2, 2), strides=(2, 2))(x)
x = Convolution2D(12, 3, 3, activation="relu", border_mode="same", name="coarse")(x)
model = Model(batch, x)
seen = dict((layer.name, layer.output) for layer in model.layers)


def textures(features):
    """Which channels go together, wherever they do."""
    rows = K.batch_flatten(features if first else K.permute_dimensions(features, (2, 0, 1)))
    return K.dot(rows, K.transpose(rows))


def steps(x, axis):
    """Squared differences of neighbours along an axis, one less than there are along both."""
    near = [slice(None)] * 4
    near[2 if first else 1] = near[3 if first else 2] = slice(None, -1)
    far = list(near)
    far[axis] = slice(1, None)
    return K.square(x[tuple(near)] - x[tuple(far)])


loss = K.variable(0.0)
loss += CONTENT * K.sum(K.square(seen["coarse"][2] - seen["coarse"][0]))
for name in ("fine", "coarse"):
    difference = textures(seen[name][1]) - textures(seen[name][2])
    loss += STYLE / 2 * K.sum(K.square(difference)) / (6.0 * SIDE**2) ** 2
height, width = (2, 3) if first else (1, 2)
loss += SMOOTH * K.sum(K.pow(steps(drawn, height) + steps(drawn, width), 1.25))
slope = K.gradients(loss, drawn)
look = K.function([drawn], [loss] + (list(slope) if isinstance(slope, (list, tuple)) else [slope]))


class Remembering(object):
    """L-BFGS asks for the loss and then for its gradient, which one look has found already."""

    def loss(self, flat):
        value, self.slope = look([flat.reshape((1,) + size)])
        return float(value)

    def gradient(self, flat):
        return np.array(self.slope, dtype="float64").ravel()


ask = Remembering()
picture = np.random.uniform(-0.5, 0.5, size).ravel()
first_loss = ask.loss(picture)
minima = []
for round in range(4):
    picture, least, _ = fmin_l_bfgs_b(ask.loss, picture, fprime=ask.gradient, maxfun=20)
    minima.append(float(least))
    print("round %d: %.4f" % (round, least))
