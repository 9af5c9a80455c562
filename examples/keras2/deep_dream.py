'''Deep dreaming by gradient ascent over several scales of the image.'''
from __future__ import print_function

import os

import numpy as np
import scipy.ndimage
from keras import backend as K
from keras.layers import Conv2D, Dense, GlobalMaxPooling2D, Input
from keras.models import Model

np.random.seed(5)
data = np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'digits.npz'))
images = data['images'][:600, :, :, np.newaxis].astype('float32') / 8 - 1

# a small network for images of any size, that learns to tell digits
inputs = Input(shape=(None, None, 1))
x = Conv2D(8, 3, activation='relu', padding='same', name='mixed0')(inputs)
x = Conv2D(12, 3, activation='relu', padding='same', name='mixed1')(x)
outputs = Dense(10, activation='softmax')(GlobalMaxPooling2D()(x))
model = Model(inputs, outputs)
model.compile('adam', 'sparse_categorical_crossentropy')
model.fit(images, data['labels'][:600], epochs=2, verbose=0)

# We will not be training our model any more, so we use this to disable all training-specific operations
K.set_learning_phase(0)
dream = model.input

settings = {
    'features': {
        'mixed0': 0.5,
        'mixed1': 2.,
    },
}

# Get the symbolic outputs of each "key" layer (we gave them unique names).
layer_dict = dict([(layer.name, layer) for layer in model.layers])

# Define the loss.
loss = K.variable(0.)
for layer_name in settings['features']:
    if layer_name not in layer_dict:
        raise ValueError('Layer ' + layer_name + ' not found in model.')
    coeff = settings['features'][layer_name]
    x = layer_dict[layer_name].output
    # We avoid border artifacts by only involving non-border pixels in the loss.
    scaling = K.prod(K.cast(K.shape(x), 'float32'))
    if K.image_data_format() == 'channels_first':
        loss = loss + coeff * K.sum(K.square(x[:, :, 2: -2, 2: -2])) / scaling
    else:
        loss = loss + coeff * K.sum(K.square(x[:, 2: -2, 2: -2, :])) / scaling

# Compute the gradients of the dream wrt the loss.
grads = K.gradients(loss, dream)[0]
# Normalize gradients.
grads /= K.maximum(K.mean(K.abs(grads)), K.epsilon())

# Set up function to retrieve the value of the loss and gradients given an input image.
fetch_loss_and_grads = K.function([dream], [loss, grads])


def eval_loss_and_grads(x):
    outs = fetch_loss_and_grads([x])
    return outs[0], outs[1]


def resize_img(img, size):
    img = np.copy(img)
    factors = (1, float(size[0]) / img.shape[1], float(size[1]) / img.shape[2], 1)
    return scipy.ndimage.zoom(img, factors, order=1)


def gradient_ascent(x, iterations, step, max_loss=None):
    for i in range(iterations):
        loss_value, grad_values = eval_loss_and_grads(x)
        if max_loss is not None and loss_value > max_loss:
            break
        print('..Loss value at', i, ':', loss_value)
        losses.append(float(loss_value))
        x += step * grad_values
    return x


step = 0.02
num_octave = 3
octave_scale = 1.4
iterations = 5
max_loss = 10.
losses = []

img = np.repeat(np.repeat(images[:1], 2, axis=1), 2, axis=2)
original_shape = img.shape[1:3]
successive_shapes = [original_shape]
for i in range(1, num_octave):
    shape = tuple([int(dim / (octave_scale ** i)) for dim in original_shape])
    successive_shapes.append(shape)
successive_shapes = successive_shapes[::-1]
original_img = np.copy(img)
shrunk_original_img = resize_img(img, successive_shapes[0])

for shape in successive_shapes:
    print('Processing image shape', shape)
    img = resize_img(img, shape)
    img = gradient_ascent(img, iterations=iterations, step=step, max_loss=max_loss)
    upscaled_shrunk_original_img = resize_img(shrunk_original_img, shape)
    same_size_original = resize_img(original_img, shape)
    lost_detail = same_size_original - upscaled_shrunk_original_img
    img += lost_detail
    shrunk_original_img = resize_img(original_img, shape)
