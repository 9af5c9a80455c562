'''Generate text from a nursery rhyme, character by character.

At least 20 epochs are required before the generated text starts sounding coherent; three do to show how.
'''
from __future__ import print_function

import random
import sys

import numpy as np
np.random.seed(42)
random.seed(42)

from keras.models import Sequential, model_from_yaml
from keras.layers import Dense, Activation, Dropout
from keras.layers import LSTM
from keras.optimizers import RMSprop
from keras.callbacks import ModelCheckpoint, EarlyStopping, Callback

folder = sys.argv[1] if len(sys.argv) > 1 else '.'

text = ('this is the house that jack built. this is the malt that lay in the house that jack built. '
        'this is the rat that ate the malt that lay in the house that jack built. ') * 3
print('corpus length:', len(text))

chars = sorted(list(set(text)))
print('total chars:', len(chars))
char_indices = dict((c, i) for i, c in enumerate(chars))
indices_char = dict((i, c) for i, c in enumerate(chars))

# cut the text in semi-redundant sequences of maxlen characters
maxlen = 10
step = 1
sentences = []
next_chars = []
for i in range(0, len(text) - maxlen, step):
    sentences.append(text[i: i + maxlen])
    next_chars.append(text[i + maxlen])
print('nb sequences:', len(sentences))

print('Vectorization...')
X = np.zeros((len(sentences), maxlen, len(chars)), dtype=bool)
y = np.zeros((len(sentences), len(chars)), dtype=bool)
for i, sentence in enumerate(sentences):
    for t, char in enumerate(sentence):
        X[i, t, char_indices[char]] = 1
    y[i, char_indices[next_chars[i]]] = 1

# build the model: a single LSTM
print('Build model...')
model = Sequential()
model.add(LSTM(48, input_shape=(maxlen, len(chars)), forget_bias_init='one'))
model.add(Dropout(0.1))
model.add(Dense(len(chars)))
model.add(Activation('softmax'))

optimizer = RMSprop(lr=0.01)
model.compile(loss='categorical_crossentropy', optimizer=optimizer)


class LossHistory(Callback):
    def on_train_begin(self, logs={}):
        self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get('loss'))


def sample(preds, temperature=1.0):
    # helper function to sample an index from a probability array
    preds = np.asarray(preds).astype('float64')
    preds = np.log(preds) / temperature
    exp_preds = np.exp(preds)
    preds = exp_preds / np.sum(exp_preds)
    probas = np.random.multinomial(1, preds, 1)
    return np.argmax(probas)


checkpoint = ModelCheckpoint(folder + '/weights.{epoch:02d}-{loss:.2f}.hdf5', monitor='loss',
                             save_best_only=True, save_weights_only=True, verbose=1)
losses = LossHistory()

# train the model, output generated text after each iteration
generated = {}
for iteration in range(1, 4):
    print('-' * 50)
    print('Iteration', iteration)
    history = model.fit(X, y, batch_size=64, nb_epoch=2, verbose=0,
                        callbacks=[losses, checkpoint, EarlyStopping(monitor='loss', patience=3)])

    start_index = random.randint(0, len(text) - maxlen - 1)
    for diversity in [0.2, 1.0]:
        print('----- diversity:', diversity)
        sentence = text[start_index: start_index + maxlen]
        generated[diversity] = sentence
        print('----- Generating with seed: "' + sentence + '"')
        for i in range(20):
            x = np.zeros((1, maxlen, len(chars)))
            for t, char in enumerate(sentence):
                x[0, t, char_indices[char]] = 1.
            preds = model.predict(x, verbose=0)[0]
            next_index = sample(preds, diversity)
            next_char = indices_char[next_index]
            generated[diversity] += next_char
            sentence = sentence[1:] + next_char
        print(generated[diversity])

# the architecture as text, and the weights beside it
model.save_weights(folder + '/my_model_weights.h5', overwrite=True)
again = model_from_yaml(model.to_yaml())
again.load_weights(folder + '/my_model_weights.h5')
difference = np.abs(again.predict(X[:10]) - model.predict(X[:10])).max()
