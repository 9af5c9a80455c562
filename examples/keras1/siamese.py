"""Two digits, one network: its two outputs are close for the same digit and far apart for others."""

from __future__ import absolute_import, print_function

import os

import numpy as np

np.random.seed(7)

from keras import backend as K
from keras.layers import Dense, Dropout, Input, Lambda
from keras.models import Model, Sequential
from keras.optimizers import RMSprop

FAR = 1.0


def distance(ends):
    squares = K.sum(K.square(ends[0] - ends[1]), axis=1, keepdims=True)
    return K.sqrt(K.maximum(squares, K.epsilon()))


def contrast(same, apart):
    """Pull pairs together; push others away until they are FAR apart."""
    return K.mean(same * K.square(apart) + (1 - same) * K.square(K.maximum(FAR - apart, 0)))


def couples(rows, kinds):
    """Each row with one of the same kind and with one of another kind."""
    left, right, same = [], [], []
    for row, kind in zip(rows, kinds):
        for alike in (1, 0):
            others = rows[(kinds == kind) == bool(alike)]
            left.append(row)
            right.append(others[np.random.randint(len(others))])
            same.append(alike)
    return [np.array(left), np.array(right)], np.array(same)


here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
rows, kinds = digits["images"].reshape(-1, 64).astype("float32") / 16, digits["labels"]
pairs, same = couples(rows[:1200], kinds[:1200])
new_pairs, new_same = couples(rows[1200:], kinds[1200:])

encoder = Sequential()
encoder.add(Dense(64, input_shape=(64,), activation="relu"))
encoder.add(Dropout(0.1))
encoder.add(Dense(64, activation="relu"))
encoder.add(Dropout(0.1))
encoder.add(Dense(32, activation="relu"))
ends = [Input(shape=(64,)), Input(shape=(64,))]
apart = Lambda(distance, output_shape=lambda shapes: (shapes[0][0], 1))([encoder(end) for end in ends])
model = Model(input=ends, output=apart)
model.compile(loss=contrast, optimizer=RMSprop())
model.fit(pairs, same, validation_data=(new_pairs, new_same), batch_size=64, nb_epoch=8, verbose=2)


def rightly(pairs, same):
    return np.mean((model.predict(pairs).ravel() < FAR / 2) == same)


tr_acc, te_acc = rightly(pairs, same), rightly(new_pairs, new_same)
print("pairs told rightly: %.1f %% of those seen, %.1f %% of new ones" % (100 * tr_acc, 100 * te_acc))
