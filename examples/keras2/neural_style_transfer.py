"""A picture takes the style of another one: L-BFGS on the pixels, through a convolutional network."""

from __future__ import print_function, division

import numpy as np
from keras import backend as K
from keras.layers import AveragePooling2D, Conv2D, Input
from keras.models import Model
from scipy.optimize import fmin_l_bfgs_b

np.random.seed(8)
SIDE = 12
channels_first = K.image_data_format() == "channels_first"
shape = (1, 3, SIDE, SIDE) if channels_first else (1, SIDE, SIDE, 3)


def picture_of(draw):
    canvas = np.full((SIDE, SIDE, 3), -2.0)
    draw(canvas)
    return np.moveaxis(canvas, -1, 0)[None] if channels_first else canvas[None]


def circle(canvas):
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
    canvas[rows**2 + columns**2 < 16] = 2.0


def checks(canvas):
    canvas[::2, ::2] = canvas[1::2, 1::2] = (1.5, 0.0, -1.0)


content, style = K.variable(picture_of(circle)), K.variable(picture_of(checks))
made = K.placeholder(shape=shape)
together = Input(tensor=K.concatenate([content, style, made], axis=0))
x = Conv2D(8, (3, 3), activation="relu", padding="same", name="block1")(together)
x = AveragePooling2D((2, 2))(x)
x = Conv2D(12, (3, 3), activation="relu", padding="same", name="block2")(x)
network = Model(together, x)


def gram(features):
    if not channels_first:
        features = K.permute_dimensions(features, (2, 0, 1))
    flat = K.reshape(features, (K.int_shape(features)[0], -1))
    return K.dot(flat, K.transpose(flat))


def variation(x):
    """Neighbours should be alike."""
    if channels_first:
        x = K.permute_dimensions(x, (0, 2, 3, 1))
    return K.sum(K.abs(x[:, 1:] - x[:, :-1])) + K.sum(K.abs(x[:, :, 1:] - x[:, :, :-1]))


of_content, _, of_made = [network.get_layer("block2").output[i] for i in range(3)]
total = 0.025 * K.sum(K.square(of_made - of_content)) + 1e-3 * variation(made)
for block in ("block1", "block2"):
    features = network.get_layer(block).output
    total = total + 0.5 * K.mean(K.square(gram(features[1]) - gram(features[2]))) / SIDE**2
evaluate = K.function([made], [total] + K.gradients(total, made))


def both(flat):
    value, gradient = evaluate([flat.reshape(shape)])
    return np.float64(value), np.asarray(gradient, "float64").flatten()


x = np.random.uniform(-0.5, 0.5, shape).flatten()
first_loss = both(x)[0]
minima = []
for iteration in range(4):
    x, minimum, information = fmin_l_bfgs_b(both, x, maxfun=20)
    minima.append(float(minimum))
    print("%d: loss %.4f (%s)" % (iteration, minimum, information["task"]))
result = x.reshape(shape)
