"""A nursery rhyme is learnt letter by letter, and word by word, with a look at what the network writes."""

from __future__ import print_function

import sys

import numpy as np
from keras.callbacks import LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from keras.layers import LSTM, Activation, Dense, Embedding, TimeDistributed
from keras.models import Sequential, load_model
from keras.optimizers import RMSprop
from keras.preprocessing.text import Tokenizer
from keras.utils import to_categorical

np.random.seed(42)
out = sys.argv[1] if len(sys.argv) > 1 else "."
rhyme = (
    "this is the house that jack built. this is the malt that lay in the house that jack built. "
    "this is the rat that ate the malt that lay in the house that jack built. "
) * 3
SPAN = 10

by_letter = Tokenizer(char_level=True, filters="")
by_letter.fit_on_texts([rhyme])
letters = np.array(by_letter.texts_to_sequences([rhyme])[0])
symbols = len(by_letter.word_index) + 1
of_number = {number: letter for letter, number in by_letter.word_index.items()}
x = to_categorical([letters[i : i + SPAN] for i in range(len(letters) - SPAN)], symbols)
y = to_categorical(letters[SPAN:], symbols)

model = Sequential()
model.add(LSTM(48, input_shape=(SPAN, symbols)))
model.add(Dense(symbols))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=RMSprop(lr=0.01))
generated = []


def write(epoch, logs):
    if epoch % 2 == 1:
        return
    start = np.random.randint(len(x))
    line = letters[start : start + SPAN].tolist()
    for _ in range(20):
        chances = model.predict(x=to_categorical([line[-SPAN:]], symbols))[0].astype("float64") ** 2
        line.append(np.random.multinomial(1, chances / chances.sum()).argmax())
    generated.append("".join(of_number.get(number, " ") for number in line))
    print("epoch %d, loss %.3f: %s" % (epoch, logs["loss"], generated[-1]))


path = out + "/weights-{epoch:02d}.hdf5"
history = model.fit(
    x,
    y,
    batch_size=64,
    epochs=6,
    verbose=0,
    callbacks=[
        LambdaCallback(on_epoch_end=write),
        ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_lr=1e-4),
        ModelCheckpoint(path, monitor="loss", verbose=1, save_best_only=True, mode="min"),
    ],
)
best = load_model(path.format(epoch=1 + int(np.argmin(history.history["loss"]))))

by_word = Tokenizer()
by_word.fit_on_texts([rhyme])
words = np.array(by_word.texts_to_sequences([rhyme])[0])
known = len(by_word.word_index) + 1
spans = np.array([words[i : i + 9] for i in range(len(words) - 8)])
word_model = Sequential(
    [
        Embedding(known, 16, input_length=8),
        LSTM(32, return_sequences=True),
        TimeDistributed(Dense(known, activation="softmax")),
    ]
)
word_model.compile(RMSprop(lr=0.01), "categorical_crossentropy", metrics=["acc"])
word_history = word_model.fit(spans[:, :-1], to_categorical(spans[:, 1:], known), epochs=15, batch_size=16, verbose=0)
