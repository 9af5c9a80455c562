"""A GAN whose discriminator also names the digit, and whose generator is told which one to draw."""

from __future__ import print_function

import os

import numpy as np
from keras.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    LeakyReLU,
    Reshape,
    UpSampling2D,
    multiply,
)
from keras.models import Model, Sequential
from keras.optimizers import Adam

np.random.seed(8)
CODES, SIDE, DIGITS = 20, 8, 10


def make_generator():
    drawing = Sequential(name="drawing")
    drawing.add(Dense(2 * 2 * 32, input_dim=CODES))
    drawing.add(BatchNormalization(momentum=0.8))
    drawing.add(LeakyReLU(0.2))
    drawing.add(Reshape((2, 2, 32)))
    for filters in (32, 16):
        drawing.add(UpSampling2D())
        drawing.add(Conv2D(filters, 3, padding="same", use_bias=False))
        drawing.add(BatchNormalization(momentum=0.8))
        drawing.add(LeakyReLU(alpha=0.2))
    drawing.add(Conv2D(1, (3, 3), padding="same", activation="tanh"))
    code, digit = Input((CODES,), name="code"), Input(shape=(1,), dtype="int32", name="digit")
    told = multiply([code, Flatten()(Embedding(DIGITS, CODES, embeddings_initializer="glorot_normal")(digit))])
    return Model([code, digit], drawing(told), name="generator")


def make_discriminator():
    eye = Sequential(
        [
            Conv2D(16, 3, strides=2, padding="same", input_shape=(SIDE, SIDE, 1)),
            LeakyReLU(0.2),
            Dropout(0.25),
            Conv2D(32, 3, strides=2, padding="same"),
            LeakyReLU(0.2),
            Dropout(0.25),
            Flatten(),
        ],
        name="eye",
    )
    picture = Input(shape=(SIDE, SIDE, 1))
    seen = eye(picture)
    outputs = [
        Dense(1, activation="sigmoid", name="real")(seen),
        Dense(DIGITS, activation="softmax", name="kind")(seen),
    ]
    return Model(picture, outputs, name="discriminator")


losses = {"real": "binary_crossentropy", "kind": "sparse_categorical_crossentropy"}
discriminator = make_discriminator()
discriminator.compile(Adam(0.002, beta_1=0.5), loss=losses, metrics={"kind": "accuracy"})
generator = make_generator()
discriminator.trainable = False
both = Model(generator.inputs, discriminator(generator.outputs))
both.compile(Adam(0.002, 0.5), loss=list(losses.values()), loss_weights=[1.0, 0.5])
print(discriminator.metrics_names, both.metrics_names)

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "digits.npz"))
images, labels = data["images"][:1280, :, :, None] / 8.0 - 1, data["labels"][:1280]
batch, frozen, log = 64, [], []
for step in range(40):
    pick = np.random.permutation(len(images))[:batch]
    code, digit = np.random.normal(size=(batch, CODES)), np.random.randint(0, DIGITS, (batch, 1))
    fake = generator.predict([code, digit])
    for picture, real, kind in ((images[pick], 0.9, labels[pick]), (fake, 0.0, digit[:, 0])):
        judged = discriminator.train_on_batch(picture, {"real": np.full(batch, real), "kind": kind})
    before = discriminator.get_weights()
    tricked = both.train_on_batch([code, digit], [np.ones(batch), digit])
    frozen.append(all(np.array_equal(a, b) for a, b in zip(before, discriminator.get_weights())))
    log.append(judged + tricked)
    if step % 20 == 0:
        print(step, dict(zip(discriminator.metrics_names, judged)), tricked)

kinds = discriminator.predict(images)[1].argmax(axis=1)
accuracy = np.mean(kinds == labels)
sheet = np.vstack(
    [
        np.hstack(generator.predict([np.random.normal(size=(4, CODES)), np.full((4, 1), digit)])[..., 0])
        for digit in range(DIGITS)
    ]
)
print("digits named rightly: %.2f; a sheet of" % accuracy, sheet.shape)
