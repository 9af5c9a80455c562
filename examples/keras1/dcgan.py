"""A generative adversarial network of convolutions: `trainable` is switched before each step of either side."""

from __future__ import print_function, division

import os

import numpy as np

np.random.seed(99)

from keras import backend as K
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.convolutional import Convolution2D, MaxPooling2D, UpSampling2D
from keras.layers.core import Activation, Dense, Dropout, Flatten, Reshape
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential
from keras.optimizers import SGD, RMSprop

K.set_image_dim_ordering("th")
CODE = 12


def generator_model():
    model = Sequential()
    model.add(Dense(output_dim=48, input_dim=CODE, init="he_normal"))
    model.add(Activation("tanh"))
    model.add(Dense(16 * 4 * 4))
    model.add(BatchNormalization(mode=0, epsilon=1e-5))
    model.add(Activation("tanh"))
    model.add(Reshape((16, 4, 4), input_shape=(16 * 4 * 4,)))
    model.add(UpSampling2D(size=(2, 2)))
    model.add(Convolution2D(16, 3, 3, border_mode="same"))
    model.add(BatchNormalization(axis=1, mode=2))
    model.add(Activation("tanh"))
    model.add(Convolution2D(1, 3, 3, border_mode="same", activation="sigmoid"))
    return model


def discriminator_model():
    model = Sequential()
    model.add(Convolution2D(12, 3, 3, border_mode="same", input_shape=(1, 8, 8)))
    model.add(LeakyReLU(alpha=0.1))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Convolution2D(24, 3, 3, subsample=(1, 1)))
    model.add(LeakyReLU(0.1))
    model.add(Flatten())
    model.add(Dense(32, activation="tanh"))
    model.add(Dropout(0.2))
    model.add(Dense(1, activation="sigmoid"))
    return model


def switch(network, value):
    network.trainable = value
    for layer in network.layers:
        layer.trainable = value


data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "digits.npz"))
X_train = np.expand_dims(data["images"].astype("float32") / 16, 1)

discriminator = discriminator_model()
generator = generator_model()
gan = Sequential()
gan.add(generator)
switch(discriminator, False)
gan.add(discriminator)
generator.compile(loss="binary_crossentropy", optimizer="SGD")
gan.compile(loss="binary_crossentropy", optimizer=RMSprop(lr=0.002, clipvalue=1.0, decay=1e-5))
switch(discriminator, True)
discriminator.compile(
    loss="binary_crossentropy", optimizer=SGD(lr=0.02, momentum=0.9, nesterov=True), class_mode="binary"
)

half, frozen, changed, losses = 32, [], [], []
for batch in range(30):
    noise = np.random.uniform(-1, 1, size=(half, CODE))
    drawn = generator.predict(noise, verbose=0)
    X = np.concatenate((X_train[batch * half : (batch + 1) * half], drawn))
    y = [1] * half + [0] * half
    d_loss = discriminator.train_on_batch(X, y)
    noise = np.random.uniform(-1, 1, (2 * half, CODE))
    kept, old = discriminator.get_weights(), generator.get_weights()
    switch(discriminator, False)
    g_loss = gan.train_on_batch(noise, [1] * 2 * half)
    switch(discriminator, True)
    frozen.append(all((a == b).all() for a, b in zip(kept, discriminator.get_weights())))
    changed.append(any((a != b).any() for a, b in zip(old, generator.get_weights())))
    losses.append((float(d_loss), float(g_loss)))
    if batch % 10 == 0:
        print("batch %d d_loss: %.4f g_loss: %.4f" % ((batch,) + losses[-1]))

generator.save_weights("generator", overwrite=True)
again = generator_model()
again.load_weights("generator")
codes = np.random.uniform(-1, 1, (16, CODE))
scores = discriminator.predict_proba(again.predict(codes), verbose=0).ravel()
nice = generator.predict(codes)[np.argsort(-scores)]
