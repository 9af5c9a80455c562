"""What a network learnt of the digits below five serves for the others: its convolutions are frozen and kept."""

from __future__ import print_function

import os
import sys

import numpy as np

np.random.seed(1337)

from keras import backend as K
from keras.layers import Activation, Convolution2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Model, Sequential
from keras.optimizers import SGD
from keras.utils import np_utils

out = sys.argv[1] if len(sys.argv) > 1 else "."
here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
images = np.expand_dims(digits["images"] / np.float32(16), 1 if K.image_dim_ordering() == "th" else 3)
labels = digits["labels"].astype("int")
SEEN = 1400

eyes = [
    Convolution2D(16, 3, 3, border_mode="valid", input_shape=images.shape[1:]),
    Activation("relu"),
    Convolution2D(16, 3, 3),
    Activation("relu"),
    MaxPooling2D(pool_size=(2, 2)),
    Dropout(0.25),
    Flatten(),
]
reading = [Dense(64), Activation("relu"), Dropout(0.5), Dense(5), Activation("softmax")]
model = Sequential(eyes + reading)


def learn(low):
    """Train on five digits, and return loss and accuracy of those held back."""
    meant = (labels >= low) & (labels < low + 5)
    train, test = meant & (np.arange(len(labels)) < SEEN), meant & (np.arange(len(labels)) >= SEEN)
    targets = np_utils.to_categorical((labels - low) * meant, 5)
    model.compile("adamax", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(images[train], targets[train], nb_epoch=8, verbose=0, validation_data=(images[test], targets[test]))
    score = model.evaluate(images[test], targets[test], verbose=0)
    print("digits from %d on: loss %.3f, accuracy %.3f" % (low, score[0], score[1]))
    return score


first = learn(0)
for layer in eyes:
    layer.trainable = False
before = model.get_weights()[:4]
second = learn(5)
unchanged = all((a == b).all() for a, b in zip(before, model.get_weights()))
model.save_weights(os.path.join(out, "eyes.h5"))

# What the eyes see is computed once, and a small network for all ten digits learns from that.
base = Sequential()
for layer in eyes:
    base.add(layer)
sights = base.predict(images)
top = Sequential([Dense(32, input_shape=sights.shape[1:], activation="relu"), Dense(10, activation="softmax")])
top.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
column = labels[:, None]
top.fit(sights[:SEEN], column[:SEEN], nb_epoch=5, verbose=0)
top_score = top.evaluate(sights[SEEN:], column[SEEN:], verbose=0)

# Both in one model, whose upper layers are tuned carefully.
inner = Model(input=model.input, output=eyes[-1].get_output_at(0))
full = Model(input=inner.input, output=top(inner.output))
for layer in full.layers[:3]:
    layer.trainable = False
full.compile(SGD(lr=1e-4, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
full.fit(images[:SEEN], column[:SEEN], nb_epoch=1, verbose=0)
full_score = full.evaluate(images[SEEN:], column[SEEN:], verbose=0)
print("all ten: accuracy %.3f, tuned %.3f" % (top_score[1], full_score[1]))
