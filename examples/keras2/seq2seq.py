"""Words are turned round: an encoder LSTM hands its states to a decoder LSTM that spells the answer."""

from __future__ import print_function

import numpy as np
from keras.layers import LSTM, Dense, Input
from keras.models import Model
from keras.utils import to_categorical

np.random.seed(3)
# "<" begins an answer, ">" ends it.
SIGNS = "<>abcd"
UNITS, WORDS = 48, 800


def spelled(texts):
    return to_categorical([[SIGNS.index(sign) for sign in text] for text in texts], len(SIGNS))


input_texts = ["".join(np.random.choice(list("abcd"), 3)) for _ in range(WORDS)]
answers = ["<" + text[::-1] + ">" for text in input_texts]
words, dictated, targets = spelled(input_texts), spelled([a[:-1] for a in answers]), spelled([a[1:] for a in answers])

word = Input(shape=(None, len(SIGNS)), name="word")
reader = LSTM(UNITS, return_state=True, name="reader")
states = reader(word)[1:]
sign = Input(shape=(None, len(SIGNS)), name="sign")
writer = LSTM(UNITS, return_sequences=True, return_state=True, name="writer")
speller = Dense(len(SIGNS), activation="softmax")
model = Model([word, sign], speller(writer(sign, initial_state=states)[0]))
model.compile(optimizer="adam", loss="categorical_crossentropy")
history = model.fit([words, dictated], targets, batch_size=32, epochs=15, verbose=2, validation_split=0.2)

# The same layers again: once for the word, and once for each sign of the answer.
reading = Model(word, states)
held = [Input(shape=(UNITS,)), Input(shape=(UNITS,))]
outputs = writer(sign, initial_state=held)
writing = Model([sign] + held, [speller(outputs[0])] + outputs[1:])


def turned(row):
    memory, answer = reading.predict(row), "<"
    while not answer.endswith(">") and len(answer) < 6:
        found = writing.predict([np.eye(len(SIGNS))[SIGNS.index(answer[-1])][None, None]] + list(memory))
        memory = found[1:]
        answer += SIGNS[found[0][0, -1].argmax()]
    return answer[1:]


decoded = [turned(words[i : i + 1]) for i in range(12)]
for text, answer in zip(input_texts, decoded):
    print(text, "->", answer)
