'''Variational autoencoder of handwritten digits, with its loss in a custom layer.'''
from __future__ import print_function

import os

import numpy as np
from keras.layers import Input, Dense, Lambda, Layer
from keras.models import Model
from keras import backend as K
from keras import metrics

np.random.seed(1337)
batch_size = 50
original_dim = 64
latent_dim = 2
intermediate_dim = 48
epochs = 10
epsilon_std = 1.0

x = Input(shape=(original_dim,))
h = Dense(intermediate_dim, activation='relu')(x)
z_mean = Dense(latent_dim)(h)
z_log_var = Dense(latent_dim)(h)


def sampling(args):
    z_mean, z_log_var = args
    epsilon = K.random_normal(shape=(K.shape(z_mean)[0], latent_dim), mean=0., stddev=epsilon_std)
    return z_mean + K.exp(z_log_var / 2) * epsilon


z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var])

# we instantiate these layers separately so as to reuse them later
decoder_h = Dense(intermediate_dim, activation='relu')
decoder_mean = Dense(original_dim, activation='sigmoid')
h_decoded = decoder_h(z)
x_decoded_mean = decoder_mean(h_decoded)


# Custom loss layer
class CustomVariationalLayer(Layer):
    def __init__(self, **kwargs):
        self.is_placeholder = True
        super(CustomVariationalLayer, self).__init__(**kwargs)

    def vae_loss(self, x, x_decoded_mean):
        xent_loss = original_dim * metrics.binary_crossentropy(x, x_decoded_mean)
        kl_loss = - 0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
        return K.mean(xent_loss + kl_loss)

    def call(self, inputs):
        x = inputs[0]
        x_decoded_mean = inputs[1]
        loss = self.vae_loss(x, x_decoded_mean)
        self.add_loss(loss, inputs=inputs)
        # We won't actually use the output.
        return x


y = CustomVariationalLayer()([x, x_decoded_mean])
vae = Model(x, y)
vae.compile(optimizer='rmsprop', loss=None)

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
digits = data['images'].astype('float32').reshape(-1, original_dim) / 16.
x_train, y_train = digits[:1500], data['labels'][:1500]
x_test, y_test = digits[1500:1750], data['labels'][1500:1750]

history = vae.fit(x_train,
                  shuffle=True,
                  epochs=epochs,
                  batch_size=batch_size,
                  verbose=2,
                  validation_data=(x_test, None))

# build a model to project inputs on the latent space
encoder = Model(x, z_mean)
x_test_encoded = encoder.predict(x_test, batch_size=batch_size)

# build a digit generator that can sample from the learned distribution
decoder_input = Input(shape=(latent_dim,))
_h_decoded = decoder_h(decoder_input)
_x_decoded_mean = decoder_mean(_h_decoded)
generator = Model(decoder_input, _x_decoded_mean)

# the same once more, with the loss added to the model itself
inputs = Input(shape=(original_dim,), name='encoder_input')
hidden = Dense(intermediate_dim, activation='relu')(inputs)
mean = Dense(latent_dim, name='z_mean')(hidden)
log_var = Dense(latent_dim, name='z_log_var')(hidden)
sampled = Lambda(sampling, output_shape=(latent_dim,), name='z')([mean, log_var])
encoder_2 = Model(inputs, [mean, log_var, sampled], name='encoder')
latent_inputs = Input(shape=(latent_dim,), name='z_sampling')
hidden = Dense(intermediate_dim, activation='relu')(latent_inputs)
decoder_2 = Model(latent_inputs, Dense(original_dim, activation='sigmoid')(hidden), name='decoder')
outputs = decoder_2(encoder_2(inputs)[2])
vae_2 = Model(inputs, outputs, name='vae_mlp')

reconstruction_loss = K.mean(K.square(inputs - outputs), axis=-1) * original_dim
kl_loss = 1 + log_var - K.square(mean) - K.exp(log_var)
kl_loss = K.sum(kl_loss, axis=-1)
kl_loss *= -0.5
vae_2.add_loss(K.mean(reconstruction_loss + kl_loss))
vae_2.compile(optimizer='adam')
history_2 = vae_2.fit(x_train,
                      epochs=5,
                      batch_size=batch_size,
                      verbose=2,
                      validation_data=(x_test, None))
codes = encoder_2.predict(x_test, batch_size=batch_size)
