"""Are two digits the same one? Both go through one network, and the distance of its outputs decides."""

from __future__ import absolute_import, print_function

import os

import numpy as np
from keras import backend as K
from keras.layers import Dense, Dropout, Flatten, Input, Lambda
from keras.models import Model
from keras.optimizers import RMSprop

np.random.seed(7)


def euclid(two):
    a, b = two
    return K.sqrt(K.clip(K.sum((a - b) ** 2, axis=-1, keepdims=True), K.epsilon(), None))


def hinge_of_pairs(y_true, y_pred):
    near, far = K.square(y_pred), K.square(K.relu(1.0 - y_pred))
    return K.mean(y_true * near + (1.0 - y_true) * far, axis=-1)


def told(y_true, y_pred):
    """The share of pairs on the right side of one half."""
    return K.mean(K.equal(y_true, K.cast(K.less(y_pred, 0.5), K.floatx())))


def pairs_of(images, labels, count):
    """Half of the pairs show one digit twice, the others two."""
    order = [np.flatnonzero(labels == digit) for digit in range(10)]
    firsts = np.random.randint(0, 10, count)
    seconds = np.where(np.arange(count) % 2, (firsts + np.random.randint(1, 10, count)) % 10, firsts)
    chosen = [[np.random.choice(order[digit]) for digit in side] for side in (firsts, seconds)]
    return np.stack([images[chosen[0]], images[chosen[1]]], axis=1), (firsts == seconds).astype("float32")


here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
images, labels = digits["images"] / np.float32(16), digits["labels"]
tr_pairs, tr_y = pairs_of(images[:1200], labels[:1200], 2400)
te_pairs, te_y = pairs_of(images[1200:], labels[1200:], 1000)

picture = Input(shape=images.shape[1:])
x = Flatten()(picture)
for units in (64, 64):
    x = Dropout(0.1)(Dense(units, activation="relu")(x))
encoder = Model(picture, Dense(32, activation="relu")(x), name="encoder")
left, right = Input(images.shape[1:]), Input(images.shape[1:])
apart = Lambda(euclid, output_shape=lambda shapes: (shapes[0][0], 1))([encoder(left), encoder(right)])
model = Model([left, right], apart)
model.compile(loss=hinge_of_pairs, optimizer=RMSprop(), metrics=[told])
history = model.fit(
    [tr_pairs[:, 0], tr_pairs[:, 1]],
    tr_y,
    batch_size=64,
    epochs=8,
    verbose=2,
    validation_data=([te_pairs[:, 0], te_pairs[:, 1]], te_y),
)

tr_acc, te_acc = [
    np.mean((model.predict([pairs[:, 0], pairs[:, 1]])[:, 0] < 0.5) == same)
    for pairs, same in ((tr_pairs, tr_y), (te_pairs, te_y))
]
print("told rightly: %.3f of the pairs seen, %.3f of new ones" % (tr_acc, te_acc))
