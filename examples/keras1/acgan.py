'''Auxiliary classifier GAN of handwritten digits.

The discriminator tells real from made up and, besides, which digit it is; it is frozen in the combined model.
'''
from __future__ import print_function

import os
from collections import defaultdict
try:
    import cPickle as pickle
except ImportError:
    import pickle
import sys

import numpy as np
np.random.seed(1337)

import keras.backend as K
from keras.layers import Input, Dense, Reshape, Flatten, Embedding, merge, Dropout
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.convolutional import UpSampling2D, Convolution2D
from keras.models import Sequential, Model
from keras.optimizers import Adam
from keras.utils.generic_utils import Progbar

K.set_image_dim_ordering('th')
folder = sys.argv[1] if len(sys.argv) > 1 else '.'


def build_generator(latent_size):
    cnn = Sequential()
    cnn.add(Dense(64, input_dim=latent_size, activation='relu'))
    cnn.add(Dense(16 * 4 * 4, activation='relu'))
    cnn.add(Reshape((16, 4, 4)))
    cnn.add(UpSampling2D(size=(2, 2)))
    cnn.add(Convolution2D(16, 3, 3, border_mode='same', activation='relu', init='glorot_normal'))
    cnn.add(Convolution2D(1, 2, 2, border_mode='same', activation='tanh', init='glorot_normal'))

    # this is the z space commonly refered to in GAN papers
    latent = Input(shape=(latent_size, ))
    # this will be our label
    image_class = Input(shape=(1,), dtype='int32')
    cls = Flatten()(Embedding(10, latent_size, init='glorot_normal')(image_class))
    # hadamard product between z-space and a class conditional embedding
    h = merge([latent, cls], mode='mul')
    fake_image = cnn(h)
    return Model(input=[latent, image_class], output=fake_image)


def build_discriminator():
    cnn = Sequential()
    cnn.add(Convolution2D(8, 3, 3, border_mode='same', subsample=(2, 2), input_shape=(1, 8, 8)))
    cnn.add(LeakyReLU())
    cnn.add(Dropout(0.3))
    cnn.add(Convolution2D(16, 3, 3, border_mode='same', subsample=(1, 1)))
    cnn.add(LeakyReLU())
    cnn.add(Dropout(0.3))
    cnn.add(Flatten())

    image = Input(shape=(1, 8, 8))
    features = cnn(image)
    fake = Dense(1, activation='sigmoid', name='generation')(features)
    aux = Dense(10, activation='softmax', name='auxiliary')(features)
    return Model(input=image, output=[fake, aux])


nb_epochs = 2
batch_size = 64
latent_size = 20
adam_lr = 0.002
adam_beta_1 = 0.5

discriminator = build_discriminator()
discriminator.compile(
    optimizer=Adam(lr=adam_lr, beta_1=adam_beta_1),
    loss=['binary_crossentropy', 'sparse_categorical_crossentropy']
)

generator = build_generator(latent_size)
generator.compile(optimizer=Adam(lr=adam_lr, beta_1=adam_beta_1),
                  loss='binary_crossentropy')

latent = Input(shape=(latent_size, ))
image_class = Input(shape=(1,), dtype='int32')
fake = generator([latent, image_class])

# we only want to be able to train generation for the combined model
discriminator.trainable = False
fake, aux = discriminator(fake)
combined = Model(input=[latent, image_class], output=[fake, aux])
combined.compile(
    optimizer=Adam(lr=adam_lr, beta_1=adam_beta_1),
    loss=['binary_crossentropy', 'sparse_categorical_crossentropy']
)

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
X = (data['images'].astype(np.float32) - 8.) / 8.
X = np.expand_dims(X, axis=1)
X_train, y_train = X[:1024], data['labels'][:1024]
X_test, y_test = X[1024:1280], data['labels'][1024:1280]
nb_train, nb_test = X_train.shape[0], X_test.shape[0]

train_history = defaultdict(list)
test_history = defaultdict(list)
frozen = []

for epoch in range(nb_epochs):
    print('Epoch {} of {}'.format(epoch + 1, nb_epochs))
    nb_batches = int(X_train.shape[0] / batch_size)
    progress_bar = Progbar(target=nb_batches)
    epoch_gen_loss = []
    epoch_disc_loss = []

    for index in range(nb_batches):
        progress_bar.update(index)
        noise = np.random.uniform(-1, 1, (batch_size, latent_size))
        image_batch = X_train[index * batch_size:(index + 1) * batch_size]
        label_batch = y_train[index * batch_size:(index + 1) * batch_size]
        sampled_labels = np.random.randint(0, 10, batch_size)
        generated_images = generator.predict([noise, sampled_labels.reshape((-1, 1))], verbose=0)

        X = np.concatenate((image_batch, generated_images))
        y = np.array([1] * batch_size + [0] * batch_size)
        aux_y = np.concatenate((label_batch, sampled_labels), axis=0)
        epoch_disc_loss.append(discriminator.train_on_batch(X, [y, aux_y]))

        # make new noise, and trick the discriminator with it
        noise = np.random.uniform(-1, 1, (2 * batch_size, latent_size))
        sampled_labels = np.random.randint(0, 10, 2 * batch_size)
        trick = np.ones(2 * batch_size)
        before = discriminator.get_weights()
        epoch_gen_loss.append(combined.train_on_batch(
            [noise, sampled_labels.reshape((-1, 1))], [trick, sampled_labels]))
        frozen.append(all(np.array_equal(a, b) for a, b in zip(before, discriminator.get_weights())))

    noise = np.random.uniform(-1, 1, (nb_test, latent_size))
    sampled_labels = np.random.randint(0, 10, nb_test)
    generated_images = generator.predict([noise, sampled_labels.reshape((-1, 1))], verbose=False)
    X = np.concatenate((X_test, generated_images))
    y = np.array([1] * nb_test + [0] * nb_test)
    aux_y = np.concatenate((y_test, sampled_labels), axis=0)
    discriminator_test_loss = discriminator.evaluate(X, [y, aux_y], verbose=False)
    discriminator_train_loss = np.mean(np.array(epoch_disc_loss), axis=0)
    noise = np.random.uniform(-1, 1, (2 * nb_test, latent_size))
    sampled_labels = np.random.randint(0, 10, 2 * nb_test)
    trick = np.ones(2 * nb_test)
    generator_test_loss = combined.evaluate(
        [noise, sampled_labels.reshape((-1, 1))], [trick, sampled_labels], verbose=False)
    generator_train_loss = np.mean(np.array(epoch_gen_loss), axis=0)

    train_history['generator'].append(generator_train_loss)
    train_history['discriminator'].append(discriminator_train_loss)
    test_history['generator'].append(generator_test_loss)
    test_history['discriminator'].append(discriminator_test_loss)

    print('{0:<22s} | {1:4s} | {2:15s} | {3:5s}'.format('component', *discriminator.metrics_names))
    ROW_FMT = '{0:<22s} | {1:<4.2f} | {2:<15.2f} | {3:<5.2f}'
    print(ROW_FMT.format('generator (train)', *train_history['generator'][-1]))
    print(ROW_FMT.format('generator (test)', *test_history['generator'][-1]))
    print(ROW_FMT.format('discriminator (train)', *train_history['discriminator'][-1]))
    print(ROW_FMT.format('discriminator (test)', *test_history['discriminator'][-1]))

    # save weights every epoch
    generator.save_weights(
        os.path.join(folder, 'params_generator_epoch_{0:03d}.hdf5'.format(epoch)), True)
    discriminator.save_weights(
        os.path.join(folder, 'params_discriminator_epoch_{0:03d}.hdf5'.format(epoch)), True)

    # generate some digits to display
    noise = np.random.uniform(-1, 1, (20, latent_size))
    sampled_labels = np.array([[i] * 2 for i in range(10)]).reshape(-1, 1)
    generated_images = generator.predict([noise, sampled_labels], verbose=0)
    img = (np.concatenate([r.reshape(-1, 8) for r in np.split(generated_images, 2)], axis=-1) * 8 + 8).astype(np.uint8)

with open(os.path.join(folder, 'acgan-history.pkl'), 'wb') as f:
    pickle.dump({'train': train_history, 'test': test_history}, f)
