"""What a network looks at: pictures that please its filters, and the places and pixels that speak for a class."""

from __future__ import print_function

import os

import numpy as np
from keras import backend as K
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from keras.models import Model
from keras.utils import np_utils

np.random.seed(1)
here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
images, labels = digits["images"][:600, ..., None] / 16.0, np_utils.to_categorical(digits["labels"][:600], 10)

pixels = Input(shape=(8, 8, 1), name="pixels")
x = Conv2D(8, 3, padding="same", activation="relu", name="lines")(pixels)
x = MaxPooling2D()(x)
x = Conv2D(12, 3, padding="same", activation="relu", name="shapes")(x)
model = Model(pixels, Dense(10, activation="softmax", name="kinds")(Flatten()(x)))
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
model.fit(images, labels, epochs=4, batch_size=32, verbose=0)
shapes = model.get_layer("shapes").output


def pleasing(number, climbs=20):
    """The picture, in bytes, and what the filter answered on the way to it."""
    answer = K.mean(shapes[..., number])
    uphill = K.l2_normalize(K.gradients(answer, [pixels])[0]) * 0.8
    look = K.function([pixels], [answer, uphill])
    picture, answers = np.random.uniform(0.4, 0.5, (1, 8, 8, 1)), []
    for _ in range(climbs):
        found, move = look([picture])
        answers.append(found)
        picture += move
    spread = (picture[0] - picture.min()) / np.ptp(picture)
    return (spread * 255).astype("uint8"), answers


patterns = [pleasing(number) for number in range(4)]

# Where the shapes are that speak for the likeliest kind: each by the mean slope of the score along it.
image = images[:1]
kind = model.predict(image)[0].argmax()
weight = K.mean(K.gradients(model.output[:, kind], shapes)[0], axis=(1, 2), keepdims=True)
place = K.function([model.input], [K.relu(K.sum(weight * shapes, axis=-1))[0]])
heatmap = place([image])[0]
heatmap = heatmap / heatmap.max()

# How much each pixel changes the score.
slopes = K.function([model.layers[0].input, K.learning_phase()], K.gradients(K.max(model.output, axis=1), model.input))
saliency_map = np.abs(slopes([image, 0])[0]).max(axis=-1)

activations = Model(inputs=model.input, outputs=[layer.output for layer in model.layers[1:]]).predict(image)
