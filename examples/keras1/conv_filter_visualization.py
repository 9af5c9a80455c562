'''Show what the filters of a convolution respond to: gradient ascent on the input image.'''
from __future__ import print_function

import os

import numpy as np
np.random.seed(1)

from keras.models import Sequential
from keras.layers import Convolution2D, ZeroPadding2D, MaxPooling2D, Flatten, Dense
from keras.utils import np_utils
from keras import backend as K

# dimensions of the generated pictures for each filter
img_width = 8
img_height = 8
layer_name = 'conv2_1'

data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
images, labels = data['images'][:600] / 16., np_utils.to_categorical(data['labels'][:600], 10)
if K.image_dim_ordering() == 'th':
    images = images[:, np.newaxis]
    input_shape = (1, img_width, img_height)
else:
    images = images[..., np.newaxis]
    input_shape = (img_width, img_height, 1)

model = Sequential()
model.add(ZeroPadding2D((1, 1), input_shape=input_shape))
model.add(Convolution2D(8, 3, 3, activation='relu', name='conv1_1'))
model.add(MaxPooling2D((2, 2), strides=(2, 2)))
model.add(ZeroPadding2D((1, 1)))
model.add(Convolution2D(12, 3, 3, activation='relu', name='conv2_1'))
model.add(Flatten())
model.add(Dense(10, activation='softmax'))
model.compile('adam', 'categorical_crossentropy', metrics=['accuracy'])
model.fit(images, labels, nb_epoch=3, batch_size=32, verbose=0)
model.summary()

# this is the placeholder for the input images
first_layer = model.layers[0]
input_img = first_layer.input

# get the symbolic outputs of each "key" layer (we gave them unique names).
layer_dict = dict([(layer.name, layer) for layer in model.layers])


def deprocess_image(x):
    # normalize tensor: center on 0., ensure std is 0.1
    x -= x.mean()
    x /= (x.std() + 1e-5)
    x *= 0.1
    # clip to [0, 1]
    x += 0.5
    x = np.clip(x, 0, 1)
    # convert to RGB array
    x *= 255
    return np.clip(x, 0, 255).astype('uint8')


def normalize(x):
    # utility function to normalize a tensor by its L2 norm
    return x / (K.sqrt(K.mean(K.square(x))) + 1e-5)


kept_filters = []
rises = []
for filter_index in range(0, 12):
    # we build a loss function that maximizes the activation of the nth filter of the layer considered
    layer_output = layer_dict[layer_name].output
    if K.image_dim_ordering() == 'th':
        loss = K.mean(layer_output[:, filter_index, :, :])
    else:
        loss = K.mean(layer_output[:, :, :, filter_index])

    # we compute the gradient of the input picture wrt this loss
    grads = K.gradients(loss, input_img)[0]
    # normalization trick: we normalize the gradient
    grads = normalize(grads)
    # this function returns the loss and grads given the input picture
    iterate = K.function([input_img], [loss, grads])

    # step size for gradient ascent
    step = 0.1
    # we start from a gray image with some random noise
    input_img_data = np.random.random((1,) + input_shape) * 0.1 + 0.4
    losses = []
    for i in range(20):
        loss_value, grads_value = iterate([input_img_data])
        input_img_data += grads_value * step
        losses.append(float(loss_value))
        if loss_value <= 0.:
            # some filters get stuck to 0, we can skip them
            break
    else:
        kept_filters.append((deprocess_image(input_img_data[0]), loss_value))
        rises.append(losses[-1] / losses[0])

# the filters that have the highest loss are assumed to be better-looking
kept_filters.sort(key=lambda x: x[1], reverse=True)
print('%d filters, the best of which gives %.3f' % (len(kept_filters), kept_filters[0][1]))
