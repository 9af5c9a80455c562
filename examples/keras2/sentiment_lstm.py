"""Tells which of two kinds of "reviews" a sequence of words is, with four networks.

The reviews are made up: words above 100 lean towards one kind, the others towards the other one.
"""

from __future__ import print_function

import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Embedding, LSTM, Bidirectional
from keras.layers import Conv1D, GlobalMaxPooling1D, MaxPooling1D, SpatialDropout1D, GRU
from keras.preprocessing import sequence

np.random.seed(1337)
WORDS = 200
maxlen = 20

kinds = np.random.randint(0, 2, 600)
reviews = []
for kind in kinds:
    words = np.random.randint(1, 100, np.random.randint(10, 30))
    leaning = np.random.rand(len(words)) < (0.75 if kind else 0.25)
    reviews.append(list(words + 100 * leaning))

x = sequence.pad_sequences(reviews, maxlen=maxlen, padding="post", truncating="post")
x_train, y_train = x[:500], kinds[:500]
x_test, y_test = x[500:], kinds[500:]
print("shapes:", x_train.shape, x_test.shape)

scores = {}


def train(name, model, epochs=3):
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=32, epochs=epochs, verbose=2, validation_data=(x_test, y_test))
    score, acc = model.evaluate(x_test, y_test, batch_size=32, verbose=0)
    print("%s: loss %.3f, accuracy %.3f" % (name, score, acc))
    scores[name] = acc


model = Sequential()
model.add(Embedding(WORDS, 16, mask_zero=True))
model.add(LSTM(16, dropout=0.1, recurrent_dropout=0.1))
model.add(Dense(1, activation="sigmoid"))
train("lstm", model, epochs=4)

model = Sequential()
model.add(Embedding(WORDS, 16, input_length=maxlen))
model.add(SpatialDropout1D(0.2))
model.add(Conv1D(24, 5, padding="valid", activation="relu", strides=1))
model.add(MaxPooling1D(pool_size=4))
model.add(LSTM(16))
model.add(Dense(1))
model.add(Activation("sigmoid"))
train("cnn_lstm", model)

model = Sequential()
model.add(Embedding(WORDS, 16, input_length=maxlen))
model.add(Bidirectional(LSTM(12, return_sequences=True), merge_mode="sum"))
model.add(Bidirectional(GRU(12)))
model.add(Dropout(0.3))
model.add(Dense(1, activation="sigmoid"))
train("bidirectional", model)

model = Sequential()
model.add(Embedding(WORDS, 16, input_length=maxlen))
model.add(Dropout(0.2))
model.add(Conv1D(32, 3, padding="valid", activation="relu", strides=1))
model.add(GlobalMaxPooling1D())
model.add(Dense(32))
model.add(Dropout(0.2))
model.add(Activation("relu"))
model.add(Dense(1))
model.add(Activation("sigmoid"))
train("cnn", model)
