'''Train a simple deep network on the UCI handwritten digits.

Gets to 97% test accuracy after 12 epochs.
'''
from __future__ import print_function

import os

import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.optimizers import RMSprop
from keras.regularizers import l2, activity_l2
from keras.utils import np_utils

batch_size = 32
nb_classes = 10
nb_epoch = 12

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
X_train = data['images'][:1400].reshape(1400, 64).astype('float32')
X_test = data['images'][1400:].reshape(-1, 64).astype('float32')
X_train /= 16
X_test /= 16
print(X_train.shape[0], 'train samples')
print(X_test.shape[0], 'test samples')

# convert class vectors to binary class matrices
Y_train = np_utils.to_categorical(data['labels'][:1400], nb_classes)
Y_test = np_utils.to_categorical(data['labels'][1400:], nb_classes)

model = Sequential()
model.add(Dense(128, input_shape=(64,), init='lecun_uniform', W_regularizer=l2(1e-5)))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(64, init='glorot_normal', activity_regularizer=activity_l2(1e-6)))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(nb_classes))
model.add(Activation('softmax'))

model.summary()

model.compile(loss='categorical_crossentropy',
              optimizer=RMSprop(lr=0.002),
              metrics=['accuracy'])

history = model.fit(X_train, Y_train,
                    batch_size=batch_size, nb_epoch=nb_epoch,
                    verbose=2, validation_data=(X_test, Y_test))
score = model.evaluate(X_test, Y_test, verbose=0)
classes = model.predict_classes(X_test, batch_size=batch_size, verbose=0)
print('Test score:', score[0])
print('Test accuracy:', score[1])
