"""Tell which of two kinds of "reviews" a sequence of words is, with four recurrent networks.

The reviews are made up: words above 100 lean towards one kind, the others towards the other one.
"""

from __future__ import print_function

import numpy as np

np.random.seed(1337)

from keras.models import Model, Sequential
from keras.layers import Dense, Dropout, Activation, Embedding, LSTM, GRU, Input, merge
from keras.layers import Convolution1D, MaxPooling1D
from keras.layers.wrappers import TimeDistributed
from keras.layers.recurrent import SimpleRNN
from keras.preprocessing import sequence

WORDS = 200
maxlen = 20

kinds = np.random.randint(0, 2, 600)
reviews = []
for kind in kinds:
    words = np.random.randint(1, 100, np.random.randint(10, 30))
    leaning = np.random.rand(len(words)) < (0.75 if kind else 0.25)
    reviews.append(list(words + 100 * leaning))

X = sequence.pad_sequences(reviews, maxlen=maxlen)
X_train, y_train = X[:500], kinds[:500]
X_test, y_test = X[500:], kinds[500:]
print("shapes:", X_train.shape, X_test.shape)

scores = {}


def train(name, model, optimizer="adam", nb_epoch=3):
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    model.fit(X_train, y_train, batch_size=32, nb_epoch=nb_epoch, verbose=2, validation_data=(X_test, y_test))
    score, acc = model.evaluate(X_test, y_test, batch_size=32, verbose=0)
    print("%s: loss %.3f, accuracy %.3f" % (name, score, acc))
    scores[name] = acc


# LSTM
model = Sequential()
model.add(Embedding(WORDS, 16, dropout=0.1, mask_zero=True))
model.add(LSTM(16, dropout_W=0.1, dropout_U=0.1))
model.add(Dense(1))
model.add(Activation("sigmoid"))
train("lstm", model, nb_epoch=4)

# convolutions, then LSTM
model = Sequential()
model.add(Embedding(WORDS, 16, input_length=maxlen))
model.add(Dropout(0.25))
model.add(Convolution1D(nb_filter=24, filter_length=5, border_mode="valid", activation="relu", subsample_length=1))
model.add(MaxPooling1D(pool_length=4))
model.add(LSTM(output_dim=16, consume_less="gpu"))
model.add(Dense(1))
model.add(Activation("sigmoid"))
train("cnn_lstm", model)

# bidirectional, put together by hand as one did before there was a wrapper
word_ids = Input(shape=(maxlen,), dtype="int32")
embedded = Embedding(WORDS, 16, input_length=maxlen)(word_ids)
forwards = LSTM(12)(embedded)
backwards = LSTM(12, go_backwards=True)(embedded)
merged = merge([forwards, backwards], mode="concat", concat_axis=-1)
after_dp = Dropout(0.3)(merged)
output = Dense(1, activation="sigmoid")(after_dp)
model = Model(input=word_ids, output=output)
train("bidirectional", model)

# the other two recurrent layers, and an average over time
model = Sequential()
model.add(Embedding(WORDS, 16, input_length=maxlen))
model.add(GRU(12, return_sequences=True, inner_activation="hard_sigmoid"))
model.add(SimpleRNN(12, inner_init="orthogonal", return_sequences=True))
model.add(TimeDistributed(Dense(1, activation="sigmoid")))
averaging = Sequential()
averaging.add(model)
from keras.layers import GlobalAveragePooling1D

averaging.add(GlobalAveragePooling1D())
train("stacked", averaging)
