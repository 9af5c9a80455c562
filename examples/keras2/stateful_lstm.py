"""Learns a moving average with a stateful and a stateless LSTM.

Each sample is one step only: what came before, only the state can know.
"""

from __future__ import print_function

import numpy as np
from keras.models import Sequential
from keras.layers import Dense, LSTM
from keras import backend as K

np.random.seed(1986)
tsteps = 2
lahead = 1
batch_size = 1
input_len = 122
epochs = 3

x = np.random.uniform(-0.1, +0.1, size=(input_len,))
expected_output = np.convolve(x, np.ones(tsteps) / tsteps, mode="full")[:input_len]
x_train = x[2:82].reshape(80, 1, 1)
y_train = expected_output[2:82].reshape(80, 1)
x_test = x[82:].reshape(-1, 1, 1)
y_test = expected_output[82:].reshape(-1, 1)


def averaging(stateful):
    model = Sequential()
    model.add(LSTM(8, input_shape=(lahead, 1), batch_size=batch_size, stateful=stateful))
    model.add(Dense(1))
    model.compile(loss="mse", optimizer="adam")
    return model


remembering = averaging(stateful=True)
K.set_value(remembering.optimizer.lr, 0.01)
losses = []
for i in range(epochs):
    history = remembering.fit(
        x_train, y_train, batch_size=batch_size, epochs=1, verbose=2, validation_data=(x_test, y_test), shuffle=False
    )
    losses.append(history.history["loss"][0])
    remembering.reset_states()

predicted_output = remembering.predict(x_test, batch_size=batch_size)
again = remembering.predict(x_test, batch_size=batch_size)
remembering.layers[0].reset_states()
afresh = remembering.predict(x_test, batch_size=batch_size)

forgetful = averaging(stateful=False)
forgetful.set_weights(remembering.get_weights())
stateless = forgetful.predict(x_test, batch_size=batch_size)
