"""A painter and a critic of digits, both convolutional: the critic is frozen inside the model that trains the painter."""

from __future__ import print_function, division

import os
import sys

import numpy as np
from keras.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Flatten,
    Input,
    LeakyReLU,
    Reshape,
    UpSampling2D,
    ZeroPadding2D,
)
from keras.models import Model, Sequential
from keras.optimizers import Adam

np.random.seed(11)
out = sys.argv[1] if len(sys.argv) > 1 else "."
CODE, BATCH, STEPS = 16, 32, 41
here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))["images"][..., None] / 8.0 - 1.0

generator = Sequential(
    [
        Dense(16 * 2 * 2, activation="relu", input_dim=CODE),
        Reshape((2, 2, 16)),
        UpSampling2D(),
        Conv2D(16, kernel_size=3, padding="same"),
        BatchNormalization(momentum=0.8),
        Activation("relu"),
        Conv2DTranspose(8, kernel_size=4, strides=2, padding="same"),
        BatchNormalization(momentum=0.8),
        Activation("relu"),
        Conv2D(1, kernel_size=3, padding="same", activation="tanh"),
    ],
    name="generator",
)

discriminator = Sequential(name="discriminator")
for filters in (8, 16):
    discriminator.add(Conv2D(filters, kernel_size=3, strides=2, padding="same", input_shape=(8, 8, 1)))
    discriminator.add(LeakyReLU(alpha=0.2))
    discriminator.add(Dropout(0.25))
discriminator.add(ZeroPadding2D(padding=((0, 1), (0, 1))))
discriminator.add(BatchNormalization(momentum=0.8))
discriminator.add(Flatten())
discriminator.add(Dense(1, activation="sigmoid"))
discriminator.compile(Adam(0.002, 0.5), "binary_crossentropy", metrics=["accuracy"])
for part in (generator, discriminator):
    part.summary()

code = Input(shape=(CODE,))
discriminator.trainable = False
stacked = Model(code, discriminator(generator(code)))
stacked.compile(loss="binary_crossentropy", optimizer=Adam(0.002, 0.5))

yes, no = np.ones((BATCH, 1)), np.zeros((BATCH, 1))
frozen, losses = [], []
for step in range(STEPS):
    codes = np.random.normal(0, 1, (BATCH, CODE))
    real = digits[np.random.randint(0, len(digits), BATCH)]
    judged = [discriminator.train_on_batch(real, yes), discriminator.train_on_batch(generator.predict(codes), no)]
    kept = discriminator.get_weights()
    fooled = stacked.train_on_batch(codes, yes)
    frozen.append(all(np.array_equal(a, b) for a, b in zip(kept, discriminator.get_weights())))
    losses.append(list(np.mean(judged, axis=0)) + [fooled])
    if step % 20 == 0:
        print("%2d: discriminator %.3f, right %.2f; generator %.3f" % ((step,) + tuple(losses[-1])))
        generator.save_weights(os.path.join(out, "generator_%d.hdf5" % step))

with open(os.path.join(out, "generator.json"), "w") as target:
    target.write(generator.to_json())
