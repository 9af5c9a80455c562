"""A convolutional network on digits that are turned and shifted anew in every epoch."""

from __future__ import print_function

import os

import numpy as np

np.random.seed(3)

from keras import backend as K
from keras.callbacks import LearningRateScheduler
from keras.layers import Activation, Convolution2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential
from keras.optimizers import SGD
from keras.preprocessing.image import ImageDataGenerator
from keras.utils import np_utils

here = os.path.dirname(os.path.abspath(__file__))
digits = np.load(os.path.join(here, "..", "data", "digits.npz"))
axis = 1 if K.image_dim_ordering() == "th" else -1
pictures = np.expand_dims(digits["images"].astype("float32") / 16, axis)
targets = np_utils.to_categorical(digits["labels"], 10)
X_train, X_test, Y_train, Y_test = pictures[:1200], pictures[1200:], targets[:1200], targets[1200:]

model = Sequential(
    [
        Convolution2D(16, 3, 3, border_mode="same", activation="relu", input_shape=X_train.shape[1:]),
        Convolution2D(16, nb_row=3, nb_col=3, bias=False),
        BatchNormalization(axis=axis),
        Activation("relu"),
        MaxPooling2D((2, 2)),
        Dropout(0.25),
        Flatten(),
        Dense(64, activation="relu"),
        Dropout(p=0.5),
        Dense(10, activation="softmax"),
    ]
)
model.compile(SGD(lr=0.05, momentum=0.9, decay=1e-6, nesterov=True), "categorical_crossentropy", ["accuracy"])

turned = ImageDataGenerator(
    featurewise_center=False,
    samplewise_center=False,
    featurewise_std_normalization=False,
    samplewise_std_normalization=False,
    zca_whitening=False,
    rotation_range=5,
    width_shift_range=0.1,
    height_shift_range=0.1,
    horizontal_flip=False,
    vertical_flip=False,
)
turned.fit(X_train)
history = model.fit_generator(
    turned.flow(X_train, Y_train, batch_size=32),
    samples_per_epoch=1200,
    nb_epoch=6,
    verbose=2,
    validation_data=(X_test, Y_test),
    callbacks=[LearningRateScheduler(lambda epoch: 0.05 if epoch < 3 else 0.025)],
)
last_rate = float(K.get_value(model.optimizer.lr))
score = model.evaluate(X_test, Y_test, verbose=0)
generated = model.predict_generator(turned.flow(X_test, batch_size=50, shuffle=False), val_samples=100)
print("loss %.3f and accuracy %.3f" % tuple(score))
