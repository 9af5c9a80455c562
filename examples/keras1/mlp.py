"""A network of three Dense layers with penalties learns handwritten digits."""

from __future__ import print_function

import os

import numpy as np

np.random.seed(1337)

from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.optimizers import RMSprop
from keras.regularizers import l2, activity_l2
from keras.utils import np_utils

CLASSES = 10

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "digits.npz"))
X_train = data["images"][:1400].reshape(1400, 64).astype("float32")
X_test = data["images"][1400:].reshape(-1, 64).astype("float32")
X_train /= 16
X_test /= 16
print("%d digits to learn from, %d held back" % (len(X_train), len(X_test)))

Y_train = np_utils.to_categorical(data["labels"][:1400], CLASSES)
Y_test = np_utils.to_categorical(data["labels"][1400:], CLASSES)

model = Sequential()
model.add(Dense(128, input_shape=(64,), init="lecun_uniform", W_regularizer=l2(1e-5)))
model.add(Activation("relu"))
model.add(Dropout(0.2))
model.add(Dense(64, init="glorot_normal", activity_regularizer=activity_l2(1e-6)))
model.add(Activation("relu"))
model.add(Dropout(0.2))
model.add(Dense(CLASSES))
model.add(Activation("softmax"))

model.summary()

model.compile(loss="categorical_crossentropy", optimizer=RMSprop(lr=0.002), metrics=["accuracy"])

history = model.fit(X_train, Y_train, batch_size=32, nb_epoch=12, verbose=2, validation_data=(X_test, Y_test))
score = model.evaluate(X_test, Y_test, verbose=0)
classes = model.predict_classes(X_test, batch_size=32, verbose=0)
print("loss %.3f and accuracy %.3f of those held back" % tuple(score))
