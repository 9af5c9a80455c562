'''Transfer training of a convolutional network to other digits.

1- Train a simple convnet on the first five digits [0..4].
2- Freeze convolutional layers and fine-tune dense layers for the classification of digits [5..9].
'''
from __future__ import print_function

import datetime
import os
import sys

import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.models import Sequential, Model
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Convolution2D, MaxPooling2D
from keras.optimizers import SGD
from keras.utils import np_utils
from keras import backend as K

now = datetime.datetime.now
folder = sys.argv[1] if len(sys.argv) > 1 else '.'
batch_size = 32
nb_classes = 5
nb_epoch = 8

img_rows, img_cols = 8, 8
nb_filters = 16
pool_size = 2
kernel_size = 3

if K.image_dim_ordering() == 'th':
    input_shape = (1, img_rows, img_cols)
else:
    input_shape = (img_rows, img_cols, 1)


def train_model(model, train, test, nb_classes):
    X_train = train[0].reshape((train[0].shape[0],) + input_shape)
    X_test = test[0].reshape((test[0].shape[0],) + input_shape)
    X_train = X_train.astype('float32')
    X_test = X_test.astype('float32')
    X_train /= 16
    X_test /= 16
    Y_train = np_utils.to_categorical(train[1], nb_classes)
    Y_test = np_utils.to_categorical(test[1], nb_classes)

    model.compile(loss='categorical_crossentropy',
                  optimizer='adamax',
                  metrics=['accuracy'])
    t = now()
    model.fit(X_train, Y_train,
              batch_size=batch_size, nb_epoch=nb_epoch,
              verbose=0,
              validation_data=(X_test, Y_test))
    print('Training time: %s' % (now() - t))
    score = model.evaluate(X_test, Y_test, verbose=0)
    print('Test score:', score[0])
    print('Test accuracy:', score[1])
    return score


data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
X_train, y_train = data['images'][:1400], data['labels'][:1400].astype('int')
X_test, y_test = data['images'][1400:], data['labels'][1400:].astype('int')

# create two datasets, one with digits below 5 and one with 5 and above
X_train_lt5 = X_train[y_train < 5]
y_train_lt5 = y_train[y_train < 5]
X_test_lt5 = X_test[y_test < 5]
y_test_lt5 = y_test[y_test < 5]
X_train_gte5 = X_train[y_train >= 5]
y_train_gte5 = y_train[y_train >= 5] - 5  # make classes start at 0 for
X_test_gte5 = X_test[y_test >= 5]         # np_utils.to_categorical
y_test_gte5 = y_test[y_test >= 5] - 5

# define two groups of layers: feature (convolutions) and classification (dense)
feature_layers = [
    Convolution2D(nb_filters, kernel_size, kernel_size,
                  border_mode='valid',
                  input_shape=input_shape),
    Activation('relu'),
    Convolution2D(nb_filters, kernel_size, kernel_size),
    Activation('relu'),
    MaxPooling2D(pool_size=(pool_size, pool_size)),
    Dropout(0.25),
    Flatten(),
]
classification_layers = [
    Dense(64),
    Activation('relu'),
    Dropout(0.5),
    Dense(nb_classes),
    Activation('softmax')
]

# create complete model
model = Sequential(feature_layers + classification_layers)

# train model for 5-digit classification [0..4]
first = train_model(model, (X_train_lt5, y_train_lt5), (X_test_lt5, y_test_lt5), nb_classes)

# freeze feature layers and rebuild model
for l in feature_layers:
    l.trainable = False
features = [np.copy(w) for l in feature_layers for w in l.get_weights()]

# transfer: train dense layers for new classification task [5..9]
second = train_model(model, (X_train_gte5, y_train_gte5), (X_test_gte5, y_test_gte5), nb_classes)
unchanged = all(np.array_equal(a, b) for a, b in zip(features, [w for l in feature_layers for w in l.get_weights()]))

# bottleneck features: the network without its last layers, on which a small one is trained
weights_path = os.path.join(folder, 'first_try.h5')
model.save_weights(weights_path)
bottleneck = Sequential()
for layer in model.layers[:7]:
    bottleneck.add(layer)
features_train = bottleneck.predict(X_train.reshape((-1,) + input_shape) / 16.)
features_test = bottleneck.predict(X_test.reshape((-1,) + input_shape) / 16.)

top_model = Sequential()
top_model.add(Dense(32, input_shape=features_train.shape[1:], activation='relu'))
top_model.add(Dense(10, activation='softmax'))
top_model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
top_model.fit(features_train, y_train[:, np.newaxis], nb_epoch=5, batch_size=32, verbose=0)
top_score = top_model.evaluate(features_test, y_test[:, np.newaxis], verbose=0)

# put the top on the base again, and train the upper layers of it all very slowly
base = Model(input=model.input, output=model.layers[6].get_output_at(0))
full = Model(input=base.input, output=top_model(base.output))
for layer in full.layers[:3]:
    layer.trainable = False
full.compile(loss='sparse_categorical_crossentropy', optimizer=SGD(lr=1e-4, momentum=0.9), metrics=['accuracy'])
full.fit(X_train.reshape((-1,) + input_shape) / 16., y_train[:, np.newaxis], nb_epoch=1, batch_size=32, verbose=0)
full_score = full.evaluate(X_test.reshape((-1,) + input_shape) / 16., y_test[:, np.newaxis], verbose=0)
print('Test accuracy with all ten digits:', full_score[1])
