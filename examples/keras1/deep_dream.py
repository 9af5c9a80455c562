'''Deep dreaming: change an image so that layers of a network respond more strongly.

The loss is computed from the outputs of layers, its gradient taken with respect to the image, and both are handed
to L-BFGS from scipy.
'''
from __future__ import print_function

import os

import numpy as np
np.random.seed(5)
from scipy.optimize import fmin_l_bfgs_b

from keras.models import Model
from keras.layers import Convolution2D, MaxPooling2D, Flatten, Dense, Input
from keras.utils.np_utils import to_categorical
from keras import backend as K

img_height = 8
img_width = 8

# some settings that were found to give good results
saved_settings = {
    'bad_trip': {'features': {'conv_1': 0.05,
                              'conv_2': 0.01,
                              'conv_3': 0.01},
                 'continuity': 0.1,
                 'dream_l2': 0.8,
                 'jitter': 2},
    'dreamy': {'features': {'conv_2': 0.05,
                            'conv_3': 0.02},
               'continuity': 0.1,
               'dream_l2': 0.02,
               'jitter': 0},
}
# the settings to use in this experiment
settings = saved_settings['dreamy']

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
images = data['images'][:600, :, :, np.newaxis].astype('float32') / 8 - 1
if K.image_dim_ordering() == 'th':
    img_size = (1, img_height, img_width)
    images = images.transpose((0, 3, 1, 2))
else:
    img_size = (img_height, img_width, 1)

# this will contain our generated image
dream = Input(batch_shape=(1,) + img_size)

# a small network, trained on digits of any number at a time
x = Convolution2D(8, 3, 3, activation='relu', border_mode='same', name='conv_1')(dream)
x = Convolution2D(8, 3, 3, activation='relu', border_mode='same', name='conv_2')(x)
x = MaxPooling2D((2, 2), strides=(2, 2))(x)
x = Convolution2D(12, 3, 3, activation='relu', border_mode='same', name='conv_3')(x)
model = Model(dream, x)

inputs = Input(shape=img_size)
trained = Model(inputs, Dense(10, activation='softmax')(Flatten()(model(inputs))))
trained.compile('adam', 'categorical_crossentropy')
trained.fit(images, to_categorical(data['labels'][:600], 10), nb_epoch=2, verbose=0)

# get the symbolic outputs of each "key" layer (we gave them unique names)
layer_dict = dict([(layer.name, layer) for layer in model.layers])


def continuity_loss(x):
    # continuity loss util function
    assert K.ndim(x) == 4
    if K.image_dim_ordering() == 'th':
        a = K.square(x[:, :, :img_height - 1, :img_width - 1] - x[:, :, 1:, :img_width - 1])
        b = K.square(x[:, :, :img_height - 1, :img_width - 1] - x[:, :, :img_height - 1, 1:])
    else:
        a = K.square(x[:, :img_height - 1, :img_width - 1, :] - x[:, 1:, :img_width - 1, :])
        b = K.square(x[:, :img_height - 1, :img_width - 1, :] - x[:, :img_height - 1, 1:, :])
    return K.sum(K.pow(a + b, 1.25))


# define the loss
loss = K.variable(0.)
for layer_name in settings['features']:
    # add the L2 norm of the features of a layer to the loss
    assert layer_name in layer_dict.keys(), 'Layer ' + layer_name + ' not found in model.'
    coeff = settings['features'][layer_name]
    x = layer_dict[layer_name].output
    shape = layer_dict[layer_name].output_shape
    # we avoid border artifacts by only involving non-border pixels in the loss
    if K.image_dim_ordering() == 'th':
        loss -= coeff * K.sum(K.square(x[:, :, 1: shape[2] - 1, 1: shape[3] - 1])) / np.prod(shape[1:])
    else:
        loss -= coeff * K.sum(K.square(x[:, 1: shape[1] - 1, 1: shape[2] - 1, :])) / np.prod(shape[1:])

# add continuity loss (gives image local coherence, can result in an artful blur)
loss += settings['continuity'] * continuity_loss(dream) / np.prod(img_size)
# add image L2 norm to loss (prevents pixels from taking very high values, makes image darker)
loss += settings['dream_l2'] * K.sum(K.square(dream)) / np.prod(img_size)

# compute the gradients of the dream wrt the loss
grads = K.gradients(loss, dream)

outputs = [loss]
if isinstance(grads, (list, tuple)):
    outputs += grads
else:
    outputs.append(grads)
f_outputs = K.function([dream], outputs)


def eval_loss_and_grads(x):
    x = x.reshape((1,) + img_size)
    outs = f_outputs([x])
    loss_value = outs[0]
    if len(outs[1:]) == 1:
        grad_values = outs[1].flatten().astype('float64')
    else:
        grad_values = np.array(outs[1:]).flatten().astype('float64')
    return loss_value, grad_values


class Evaluator(object):
    '''Computes loss and gradients in one pass while retrieving them via two separate functions.'''
    def __init__(self):
        self.loss_value = None
        self.grad_values = None

    def loss(self, x):
        assert self.loss_value is None
        loss_value, grad_values = eval_loss_and_grads(x)
        self.loss_value = loss_value
        self.grad_values = grad_values
        return self.loss_value

    def grads(self, x):
        assert self.loss_value is not None
        grad_values = np.copy(self.grad_values)
        self.loss_value = None
        self.grad_values = None
        return grad_values


evaluator = Evaluator()

# run scipy-based optimization (L-BFGS) over the pixels of the generated image so as to minimize the loss
x = images[:1].copy()
minima = []
for i in range(3):
    print('Start of iteration', i)
    # add a random jitter to the initial image. This will be reverted at decoding time
    random_jitter = (settings['jitter'] * 2) * (np.random.random(img_size) - 0.5)
    x += random_jitter
    # run L-BFGS for 7 steps
    x, min_val, info = fmin_l_bfgs_b(evaluator.loss, x.flatten(), fprime=evaluator.grads, maxfun=7)
    print('Current loss value:', min_val)
    minima.append(float(min_val))
    # decode the dream
    x = x.reshape((1,) + img_size)
    x -= random_jitter
