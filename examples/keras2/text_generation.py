'''Generates text from a nursery rhyme, word by word and character by character.'''
from __future__ import print_function

import random
import sys

import numpy as np
from keras.callbacks import LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from keras.models import Sequential, load_model
from keras.layers import Dense, Activation, Embedding, TimeDistributed
from keras.layers import LSTM
from keras.optimizers import RMSprop
from keras.utils import to_categorical

np.random.seed(42)
random.seed(42)
folder = sys.argv[1] if len(sys.argv) > 1 else '.'

text = ('this is the house that jack built. this is the malt that lay in the house that jack built. '
        'this is the rat that ate the malt that lay in the house that jack built. ') * 3
chars = sorted(list(set(text)))
print('total chars:', len(chars))
char_indices = dict((c, i) for i, c in enumerate(chars))
indices_char = dict((i, c) for i, c in enumerate(chars))

maxlen = 10
sentences = []
next_chars = []
for i in range(0, len(text) - maxlen):
    sentences.append(text[i: i + maxlen])
    next_chars.append(text[i + maxlen])
x = np.zeros((len(sentences), maxlen, len(chars)), dtype=bool)
y = np.zeros((len(sentences), len(chars)), dtype=bool)
for i, sentence in enumerate(sentences):
    for t, char in enumerate(sentence):
        x[i, t, char_indices[char]] = 1
    y[i, char_indices[next_chars[i]]] = 1

model = Sequential()
model.add(LSTM(48, input_shape=(maxlen, len(chars))))
model.add(Dense(len(chars)))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer=RMSprop(lr=0.01))


def sample(preds, temperature=1.0):
    preds = np.asarray(preds).astype('float64')
    preds = np.log(preds) / temperature
    exp_preds = np.exp(preds)
    preds = exp_preds / np.sum(exp_preds)
    probas = np.random.multinomial(1, preds, 1)
    return np.argmax(probas)


generated = []


def on_epoch_end(epoch, logs):
    # Function invoked at end of each epoch. Prints generated text.
    if epoch % 2:
        return
    print('----- Generating text after Epoch: %d' % epoch)
    start_index = random.randint(0, len(text) - maxlen - 1)
    sentence = text[start_index: start_index + maxlen]
    line = sentence
    for i in range(20):
        x_pred = np.zeros((1, maxlen, len(chars)))
        for t, char in enumerate(sentence):
            x_pred[0, t, char_indices[char]] = 1.
        preds = model.predict(x_pred, verbose=0)[0]
        next_char = indices_char[sample(preds, 0.5)]
        line += next_char
        sentence = sentence[1:] + next_char
    generated.append(line)
    print(line)


print_callback = LambdaCallback(on_epoch_end=on_epoch_end)
path = folder + '/weights-improvement-{epoch:02d}.hdf5'
history = model.fit(x, y,
                    batch_size=64,
                    epochs=6,
                    verbose=0,
                    callbacks=[print_callback,
                               ReduceLROnPlateau(monitor='loss', factor=0.5, patience=1, min_lr=1e-4),
                               ModelCheckpoint(path, monitor='loss', verbose=1, save_best_only=True, mode='min')])
best = load_model(path.format(epoch=int(np.argmin(history.history['loss'])) + 1))

# word by word, with sequences as targets
words = text.split()
vocabulary = sorted(set(words))
word_ids = np.array([vocabulary.index(word) for word in words])
length = 8
starts = range(0, len(word_ids) - length)
x_words = np.array([word_ids[i: i + length] for i in starts])
y_words = np.array([word_ids[i + 1: i + length + 1] for i in starts])
word_model = Sequential([
    Embedding(len(vocabulary), 16, input_length=length),
    LSTM(32, return_sequences=True),
    TimeDistributed(Dense(len(vocabulary), activation='softmax')),
])
word_model.compile(RMSprop(lr=0.01), 'categorical_crossentropy', metrics=['acc'])
word_history = word_model.fit(x_words, to_categorical(y_words, len(vocabulary)), epochs=15, batch_size=16, verbose=0)
