"""A network learns a nursery rhyme letter by letter and writes on from a place in it."""

from __future__ import print_function

import sys

import numpy as np

np.random.seed(42)

from keras.callbacks import Callback, EarlyStopping, ModelCheckpoint
from keras.layers import LSTM, Activation, Dense, Dropout
from keras.models import Sequential, model_from_yaml
from keras.optimizers import RMSprop

out = sys.argv[1] if len(sys.argv) > 1 else "."
rhyme = 3 * (
    "this is the house that jack built. this is the malt that lay in the house that jack built. "
    "this is the rat that ate the malt that lay in the house that jack built. "
)
alphabet = "".join(sorted(set(rhyme)))
letters = np.array([alphabet.index(letter) for letter in rhyme])
maxlen = 10
one_hot = np.eye(len(alphabet), dtype=bool)
windows = np.arange(len(letters) - maxlen)[:, None] + np.arange(maxlen)
X, y = one_hot[letters[windows]], one_hot[letters[maxlen:]]

model = Sequential()
model.add(LSTM(48, input_shape=X.shape[1:], forget_bias_init="one"))
model.add(Dropout(0.1))
model.add(Dense(len(alphabet)))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=RMSprop(lr=0.01))


class EveryLoss(Callback):
    def on_train_begin(self, logs={}):
        if not hasattr(self, "losses"):
            self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs["loss"])


def drawn(chances, heat):
    """Draw a letter; little heat keeps to the likeliest one."""
    warmed = np.log(chances.astype("float64")) / heat
    warmed = np.exp(warmed - warmed.max())
    return np.random.choice(len(warmed), p=warmed / warmed.sum())


def written(start, heat, count):
    line = list(letters[start : start + maxlen])
    for _ in range(count):
        chances = model.predict(one_hot[line[-maxlen:]][None], verbose=0)[0]
        line.append(drawn(chances, heat))
    return "".join(alphabet[letter] for letter in line)


losses = EveryLoss()
watching = [
    losses,
    EarlyStopping(monitor="loss", patience=3),
    ModelCheckpoint(
        out + "/weights.{epoch:02d}-{loss:.2f}.hdf5",
        monitor="loss",
        save_best_only=True,
        save_weights_only=True,
        verbose=1,
    ),
]
generated = {}
for turn in (0, 1):
    history = model.fit(X, y, batch_size=64, nb_epoch=2, verbose=0, callbacks=watching)
    for heat in (0.2, 1.0):
        generated[heat] = written(turn, heat, 20)
        print("turn %d, heat %.1f: %s" % (turn, heat, generated[heat]))

model.save_weights(out + "/rhyme.h5", overwrite=True)
again = model_from_yaml(model.to_yaml())
again.load_weights(out + "/rhyme.h5")
difference = np.abs(again.predict(X[:10]) - model.predict(X[:10])).max()
