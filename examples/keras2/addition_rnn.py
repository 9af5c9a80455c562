"""Sums of two numbers as text: an LSTM reads "7+5", another one writes "12", a character a step."""

from __future__ import print_function

import numpy as np
from keras.callbacks import LambdaCallback, EarlyStopping
from keras.layers import LSTM, Bidirectional, Dense, RepeatVector, TimeDistributed
from keras.models import Sequential
from keras.utils import to_categorical

np.random.seed(5)
CHARACTERS = " +0123456789"
NUMBER = {c: i for i, c in enumerate(CHARACTERS)}
QUESTION, ANSWER = 3, 2


def numbers_of(texts, width):
    return np.array([[NUMBER[c] for c in text.ljust(width)] for text in texts])


def text_of(numbers):
    return "".join(CHARACTERS[i] for i in numbers)


pairs = np.random.randint(0, 10, (1500, 2))
questions = ["%d+%d" % (a, b) for a, b in pairs]
answers = ["%d" % (a + b) for a, b in pairs]
x = to_categorical(numbers_of(questions, QUESTION), len(CHARACTERS))
y = to_categorical(numbers_of(answers, ANSWER), len(CHARACTERS))

model = Sequential()
model.add(Bidirectional(LSTM(24), input_shape=(QUESTION, len(CHARACTERS))))
model.add(RepeatVector(ANSWER))
model.add(LSTM(48, return_sequences=True, implementation=2))
model.add(TimeDistributed(Dense(len(CHARACTERS), activation="softmax")))
model.compile("adam", "categorical_crossentropy", metrics=["acc"])
model.optimizer.lr = 0.01
model.summary()

shown = []


def show(epoch, logs):
    i = np.random.randint(1350, 1500)
    guess = text_of(model.predict_classes(x[i : i + 1])[0])
    shown.append((questions[i], answers[i], guess.strip()))
    print(epoch, "%.3f" % logs["val_acc"], questions[i], "=", guess)


history = model.fit(
    x,
    y,
    batch_size=64,
    epochs=8,
    validation_split=0.1,
    verbose=0,
    callbacks=[LambdaCallback(on_epoch_end=show), EarlyStopping("val_loss", patience=3)],
)
probabilities = model.predict(x[-100:])
right = np.mean(np.all(probabilities.argmax(-1) == y[-100:].argmax(-1), axis=1))
print("%d of 100 sums are right" % round(100 * right))
