"""Variational autoencoders of digits: one whose loss is made by a layer of its own, one whose loss the model is told."""

from __future__ import print_function

import os

import numpy as np
from keras import backend as K
from keras import metrics
from keras.layers import Dense, Input, Lambda, Layer
from keras.models import Model

np.random.seed(1337)
PIXELS, HIDDEN, CODE = 64, 48, 2
here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))["images"].astype("float32").reshape(-1, PIXELS) / 16
x_train, x_test = digits[:1500], digits[1500:1750]


def around(both):
    """A point near the centre, drawn so that the gradient passes."""
    centre, log_spread = both
    noise = K.random_normal(shape=(K.shape(centre)[0], CODE), mean=0.0, stddev=1.0)
    return centre + noise * K.exp(0.5 * log_spread)


def told(centre, log_spread):
    """How far the codes are from a standard normal distribution."""
    return 0.5 * K.sum(K.exp(log_spread) + K.square(centre) - log_spread - 1, axis=-1)


class Judge(Layer):
    """Adds what a drawing misses of a picture, and what its code tells, to the loss."""

    def __init__(self, pixels, **kwargs):
        self.pixels = pixels
        super(Judge, self).__init__(**kwargs)

    def call(self, inputs):
        picture, drawing, centre, log_spread = inputs
        missed = self.pixels * metrics.binary_crossentropy(picture, drawing)
        self.add_loss(K.mean(missed + told(centre, log_spread)), inputs=inputs)
        return drawing

    def compute_output_shape(self, input_shape):
        return input_shape[1]


picture = Input(shape=(PIXELS,))
read = Dense(HIDDEN, activation="relu")(picture)
middle = [Dense(CODE)(read), Dense(CODE)(read)]
point = Lambda(around, output_shape=(CODE,))(middle)
drawn = Dense(PIXELS, activation="sigmoid")(Dense(HIDDEN, activation="relu")(point))
vae = Model(picture, Judge(PIXELS)([picture, drawn] + middle))
vae.compile(optimizer="rmsprop", loss=None)
history = vae.fit(x_train, shuffle=True, epochs=10, batch_size=50, verbose=2, validation_data=(x_test, None))
encoder = Model(picture, middle[0])
x_test_encoded = encoder.predict(x_test, batch_size=50)

inputs = Input(shape=(PIXELS,), name="picture")
hidden = Dense(HIDDEN, activation="relu")(inputs)
mean, log_var = Dense(CODE, name="mean")(hidden), Dense(CODE, name="log_var")(hidden)
encoder_2 = Model(inputs, [mean, log_var, Lambda(around, output_shape=(CODE,))([mean, log_var])], name="encoder")
code = Input(shape=(CODE,), name="code")
hidden = Dense(HIDDEN, activation="relu")(code)
decoder_2 = Model(code, Dense(PIXELS, activation="sigmoid")(hidden), name="decoder")
outputs = decoder_2(encoder_2(inputs)[2])
vae_2 = Model(inputs, outputs, name="vae")
missed = PIXELS * metrics.mean_squared_error(inputs, outputs)
vae_2.add_loss(K.mean(missed + told(mean, log_var)))
vae_2.compile(optimizer="adam")
history_2 = vae_2.fit(x_train, epochs=5, batch_size=50, verbose=2, validation_data=(x_test, None))
codes = encoder_2.predict(x_test, batch_size=50)
