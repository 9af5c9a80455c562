"""Follow a damped cosine with a stateful LSTM, one time step a batch."""

from __future__ import print_function

import numpy as np

np.random.seed(1337)

from keras.models import Sequential
from keras.layers import Dense, LSTM

# since we are using stateful rnn tsteps can be set to 1
tsteps = 1
batch_size = 25
epochs = 6
# number of elements ahead that are used to make the prediction
lahead = 1


def gen_cosine_amp(amp=100, period=1000, x0=0, xn=50000, step=1, k=0.0001):
    cos = np.zeros(((xn - x0) // step, 1, 1))
    for i in range(len(cos)):
        idx = x0 + i * step
        cos[i, 0, 0] = amp * np.cos(2 * np.pi * idx / period)
        cos[i, 0, 0] = cos[i, 0, 0] * np.exp(-k * idx)
    return cos


print("Generating Data")
cos = gen_cosine_amp(amp=1.0, period=50, xn=1000, k=0.0005)
print("Input shape:", cos.shape)

expected_output = np.zeros((len(cos), 1))
for i in range(len(cos) - lahead):
    expected_output[i, 0] = np.mean(cos[i + 1 : i + lahead + 1])

print("Creating Model")
model = Sequential()
model.add(LSTM(12, batch_input_shape=(batch_size, tsteps, 1), return_sequences=True, stateful=True))
model.add(LSTM(12, return_sequences=False, stateful=True))
model.add(Dense(1))
model.compile(loss="mse", optimizer="rmsprop")

print("Training")
losses = []
for i in range(epochs):
    history = model.fit(cos, expected_output, batch_size=batch_size, verbose=0, nb_epoch=1, shuffle=False)
    losses.append(history.history["loss"][0])
    print("Epoch", i, "/", epochs, losses[-1])
    model.reset_states()

print("Predicting")
predicted_output = model.predict(cos, batch_size=batch_size)
again = model.predict(cos, batch_size=batch_size)
model.reset_states()
afresh = model.predict(cos, batch_size=batch_size)
