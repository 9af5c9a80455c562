"""A variational autoencoder of digits with two numbers in the middle; its loss closes over tensors of the graph."""

from __future__ import print_function

import os

import numpy as np

np.random.seed(1337)

from keras import backend as K
from keras import objectives
from keras.layers import Dense, Input, Lambda
from keras.models import Model

BATCH, PIXELS, HIDDEN, CODE = 50, 64, 48, 2
here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))["images"].astype("float32").reshape(-1, PIXELS) / 16
x_train, x_test = digits[:1500], digits[1500:1750]

picture = Input(batch_shape=(BATCH, PIXELS))
read = Dense(HIDDEN, activation="relu")(picture)
centre, log_spread = Dense(CODE)(read), Dense(CODE)(read)


def around(both):
    """A point near the centre, drawn so that the gradient passes."""
    noise = K.random_normal(shape=(BATCH, CODE), mean=0.0, std=1.0)
    return both[0] + noise * K.exp(0.5 * both[1])


point = Lambda(around, output_shape=(CODE,))([centre, log_spread])
write = [Dense(HIDDEN, activation="relu"), Dense(PIXELS, activation="sigmoid")]


def written(code):
    return write[1](write[0](code))


def bits_lost(truth, drawn):
    """What the drawing misses, and what the codes tell beyond a standard normal distribution."""
    missed = PIXELS * objectives.binary_crossentropy(truth, drawn)
    told = 0.5 * K.sum(K.exp(log_spread) + K.square(centre) - log_spread - 1, axis=-1)
    return missed + told


vae = Model(picture, written(point))
vae.compile(optimizer="rmsprop", loss=bits_lost)
history = vae.fit(
    x_train, x_train, shuffle=True, nb_epoch=10, batch_size=BATCH, verbose=2, validation_data=(x_test, x_test)
)

encoder = Model(picture, centre)
x_test_encoded = encoder.predict(x_test, batch_size=BATCH)
code = Input(shape=(CODE,))
generator = Model(code, written(code))
across, down = np.meshgrid(np.linspace(-1.5, 1.5, 5), np.linspace(-1.5, 1.5, 5))
tiles = generator.predict(np.stack([across.ravel(), down.ravel()], 1)).reshape(5, 5, 8, 8)
sheet = tiles.transpose(0, 2, 1, 3).reshape(40, 40)
