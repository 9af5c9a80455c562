"""Sums of two numbers as text: one LSTM reads "7+5" backwards, another one writes "12"."""

from __future__ import print_function

import numpy as np

np.random.seed(1)

from keras.engine.training import slice_X
from keras.layers import Activation, Dense, RepeatVector, TimeDistributed, recurrent
from keras.models import Sequential

SIGNS = " +0123456789"
READ, WRITTEN = 3, 2


def as_one_hot(lines, width):
    """(lines, width, signs) booleans."""
    spelled = np.array([[SIGNS.index(sign) for sign in line.ljust(width)] for line in lines])
    return spelled[..., None] == np.arange(len(SIGNS))


def as_text(numbers):
    return "".join(SIGNS[number] for number in numbers)


pairs = np.random.randint(0, 10, (1200, 2))
tasks = ["%d+%d" % tuple(pair) for pair in pairs]
sums = [str(total) for total in pairs.sum(1)]
X = as_one_hot([task[::-1] for task in tasks], READ)
y = as_one_hot(sums, WRITTEN)
X_train, X_left = slice_X(X, 0, 1080), slice_X(X, 1080)
y_train, y_left = slice_X([y], 0, 1080)[0], slice_X([y], 1080)[0]

network = Sequential()
network.add(recurrent.LSTM(48, input_dim=len(SIGNS), input_length=READ))
network.add(RepeatVector(WRITTEN))
network.add(recurrent.LSTM(48, return_sequences=True))
network.add(TimeDistributed(Dense(output_dim=len(SIGNS))))
network.add(Activation("softmax"))
network.compile("adam", "categorical_crossentropy", metrics=["accuracy"])

accuracies = []
for round in range(3):
    told = network.fit(X_train, y_train, nb_epoch=4, validation_data=(X_left, y_left), verbose=0).history
    accuracies += told["val_acc"]
    which = np.random.randint(0, len(X_left), 3)
    guesses = [as_text(numbers) for numbers in network.predict_classes(X_left[which], verbose=0)]
    for row, guess in zip(which, guesses):
        print("after round %d: %s = %s (%s)" % (round, tasks[1080 + row], guess, sums[1080 + row]))
