"""A network dreams at three sizes of the picture: gradient ascent on what its layers respond to."""

from __future__ import print_function

import os

import numpy as np
from keras import backend as K
from keras.layers import Conv2D, Dense, GlobalMaxPooling2D, Input
from keras.models import Model
from scipy import ndimage

np.random.seed(5)
here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
images = digits["images"][:600, ..., None].astype("float32") / 8 - 1

inputs = Input(shape=(None, None, 1))
x = Conv2D(8, 3, activation="relu", padding="same", name="near")(inputs)
x = Conv2D(12, 3, activation="relu", padding="same", name="far")(x)
model = Model(inputs, Dense(10, activation="softmax")(GlobalMaxPooling2D()(x)))
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(images, digits["labels"][:600], epochs=2, verbose=0)

K.set_learning_phase(0)
wanted = K.variable(0.0)
for name, share in [("near", 0.5), ("far", 2.0)]:
    seen = model.get_layer(name).output
    count = K.prod(K.cast(K.shape(seen), K.floatx()))
    wanted = wanted + share * K.sum(K.square(seen[:, 2:-2, 2:-2, :])) / count
slope = K.gradients(wanted, model.input)[0]
slope /= K.maximum(K.mean(K.abs(slope)), K.epsilon())
look = K.function([model.input], [wanted, slope])


def resized(picture, side):
    return ndimage.zoom(picture, (1, float(side) / picture.shape[1], float(side) / picture.shape[2], 1), order=1)


def climb(picture, steps=5, width=0.02, enough=10.0):
    for _ in range(steps):
        value, direction = look([picture])
        if value > enough:
            break
        losses.append(float(value))
        picture = picture + width * direction
    return picture


losses = []
original = images[:1].repeat(2, axis=1).repeat(2, axis=2)
sides = [8, 11, 16]
img = resized(original, sides[0])
for smaller, side in zip([None] + sides, sides):
    if smaller:
        # What the smaller picture could not show of the original comes back.
        detail = resized(original, side) - resized(resized(original, smaller), side)
        img = resized(img, side) + detail
    img = climb(img)
    print("%d x %d: %.4f" % (side, side, losses[-1]))
