'''Teach a network to add two numbers that are written out as text: "3+14" -> "17 ".

The question is read by one LSTM, its last output repeated, and the answer written by another one.
'''
from __future__ import print_function

import numpy as np
np.random.seed(1)

from keras.models import Sequential
from keras.engine.training import slice_X
from keras.layers import Activation, TimeDistributed, Dense, RepeatVector, recurrent


class CharacterTable(object):
    '''Encode characters as one-hot vectors and decode them again.'''
    def __init__(self, chars, maxlen):
        self.chars = sorted(set(chars))
        self.char_indices = dict((c, i) for i, c in enumerate(self.chars))
        self.indices_char = dict((i, c) for i, c in enumerate(self.chars))
        self.maxlen = maxlen

    def encode(self, C, maxlen=None):
        maxlen = maxlen if maxlen else self.maxlen
        X = np.zeros((maxlen, len(self.chars)))
        for i, c in enumerate(C):
            X[i, self.char_indices[c]] = 1
        return X

    def decode(self, X, calc_argmax=True):
        if calc_argmax:
            X = X.argmax(axis=-1)
        return ''.join(self.indices_char[x] for x in X)


TRAINING_SIZE = 1200
DIGITS = 1
INVERT = True
RNN = recurrent.LSTM
HIDDEN_SIZE = 48
BATCH_SIZE = 32
LAYERS = 1
MAXLEN = DIGITS + 1 + DIGITS

chars = '0123456789+ '
ctable = CharacterTable(chars, MAXLEN)

questions = []
expected = []
for _ in range(TRAINING_SIZE):
    a, b = np.random.randint(0, 10, 2)
    query = '{}+{}'.format(a, b).ljust(MAXLEN)
    ans = str(a + b).ljust(DIGITS + 1)
    if INVERT:
        query = query[::-1]
    questions.append(query)
    expected.append(ans)

print('Vectorization...')
X = np.zeros((len(questions), MAXLEN, len(chars)), dtype=bool)
y = np.zeros((len(questions), DIGITS + 1, len(chars)), dtype=bool)
for i, sentence in enumerate(questions):
    X[i] = ctable.encode(sentence, maxlen=MAXLEN)
for i, sentence in enumerate(expected):
    y[i] = ctable.encode(sentence, maxlen=DIGITS + 1)

# Explicitly set apart 10% for validation data that we never train over
split_at = len(X) - len(X) // 10
(X_train, X_val) = (slice_X(X, 0, split_at), slice_X(X, split_at))
(y_train, y_val) = (y[:split_at], y[split_at:])

print('Build model...')
model = Sequential()
model.add(RNN(HIDDEN_SIZE, input_shape=(MAXLEN, len(chars))))
model.add(RepeatVector(DIGITS + 1))
for _ in range(LAYERS):
    model.add(RNN(HIDDEN_SIZE, return_sequences=True))
model.add(TimeDistributed(Dense(len(chars))))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy',
              optimizer='adam',
              metrics=['accuracy'])

accuracies = []
for iteration in range(1, 4):
    history = model.fit(X_train, y_train, batch_size=BATCH_SIZE, nb_epoch=4, verbose=0,
                        validation_data=(X_val, y_val))
    accuracies += history.history['val_acc']
    print('Iteration', iteration, accuracies[-1])
    # Select samples from the validation set at random so we can see what it gets wrong
    for i in range(3):
        ind = np.random.randint(0, len(X_val))
        rowX, rowy = X_val[np.array([ind])], y_val[np.array([ind])]
        preds = model.predict_classes(rowX, verbose=0)
        q = ctable.decode(rowX[0])
        correct = ctable.decode(rowy[0])
        guess = ctable.decode(preds[0], calc_argmax=False)
        print('Q', q[::-1] if INVERT else q, 'T', correct, 'ok' if correct == guess else 'fail', guess)
