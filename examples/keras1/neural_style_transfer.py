'''Neural style transfer: an image with the content of one and the style of another.

Base image, style image and the image to make go through the network as one batch of three, two of them variables.
'''
from __future__ import print_function

import time

import numpy as np
np.random.seed(8)
from scipy.optimize import fmin_l_bfgs_b

from keras.layers import Convolution2D, MaxPooling2D
from keras.models import Model
from keras.engine import Input
from keras import backend as K

# these are the weights of the different loss components
total_variation_weight = 1e-3
style_weight = 1.
content_weight = 0.025

img_height = img_width = 12
assert img_height == img_width, 'Due to the use of the Gram matrix, width and height must match.'

# two made-up pictures, with a bright square and with stripes
base = np.zeros((img_height, img_width, 3))
base[3:9, 3:9] = 1.
style = np.zeros((img_height, img_width, 3))
style[::2] = (0.9, 0.5, 0.1)


def preprocess_image(img):
    img = img * 255.
    if K.image_dim_ordering() == 'th':
        img = img[:, :, ::-1].transpose((2, 0, 1))
    else:
        img = img[:, :, ::-1]
    img = np.expand_dims(img.copy(), axis=0)
    return img / 64. - 2.


# get tensor representations of our images
base_image = K.variable(preprocess_image(base))
style_reference_image = K.variable(preprocess_image(style))

# this will contain our generated image
if K.image_dim_ordering() == 'th':
    combination_image = K.placeholder((1, 3, img_width, img_height))
else:
    combination_image = K.placeholder((1, img_width, img_height, 3))

# combine the 3 images into a single Keras tensor
input_tensor = K.concatenate([base_image,
                              style_reference_image,
                              combination_image], axis=0)

# build the network with our 3 images as input
x = Input(tensor=input_tensor, shape=K.int_shape(input_tensor)[1:])
image_input = x
x = Convolution2D(8, 3, 3, activation='relu', border_mode='same', name='block1_conv1')(x)
x = MaxPooling2D((2, 2), strides=(2, 2))(x)
x = Convolution2D(12, 3, 3, activation='relu', border_mode='same', name='block2_conv1')(x)
model = Model(image_input, x)
print('Model loaded.')

# get the symbolic outputs of each "key" layer (we gave them unique names).
outputs_dict = dict([(layer.name, layer.output) for layer in model.layers])


# compute the neural style loss; first we need to define 4 util functions

# the gram matrix of an image tensor (feature-wise outer product)
def gram_matrix(x):
    assert K.ndim(x) == 3
    if K.image_dim_ordering() == 'th':
        features = K.batch_flatten(x)
    else:
        features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    gram = K.dot(features, K.transpose(features))
    return gram


def style_loss(style, combination):
    assert K.ndim(style) == 3
    assert K.ndim(combination) == 3
    S = gram_matrix(style)
    C = gram_matrix(combination)
    channels = 3
    size = img_width * img_height
    return K.sum(K.square(S - C)) / (4. * (channels ** 2) * (size ** 2))


def content_loss(base, combination):
    return K.sum(K.square(combination - base))


# designed to keep the generated image locally coherent
def total_variation_loss(x):
    assert K.ndim(x) == 4
    if K.image_dim_ordering() == 'th':
        a = K.square(x[:, :, :img_width - 1, :img_height - 1] - x[:, :, 1:, :img_height - 1])
        b = K.square(x[:, :, :img_width - 1, :img_height - 1] - x[:, :, :img_width - 1, 1:])
    else:
        a = K.square(x[:, :img_width - 1, :img_height - 1, :] - x[:, 1:, :img_height - 1, :])
        b = K.square(x[:, :img_width - 1, :img_height - 1, :] - x[:, :img_width - 1, 1:, :])
    return K.sum(K.pow(a + b, 1.25))


# combine these loss functions into a single scalar
loss = K.variable(0.)
layer_features = outputs_dict['block2_conv1']
base_image_features = layer_features[0, :, :, :]
combination_features = layer_features[2, :, :, :]
loss += content_weight * content_loss(base_image_features, combination_features)

feature_layers = ['block1_conv1', 'block2_conv1']
for layer_name in feature_layers:
    layer_features = outputs_dict[layer_name]
    style_reference_features = layer_features[1, :, :, :]
    combination_features = layer_features[2, :, :, :]
    sl = style_loss(style_reference_features, combination_features)
    loss += (style_weight / len(feature_layers)) * sl
loss += total_variation_weight * total_variation_loss(combination_image)

# get the gradients of the generated image wrt the loss
grads = K.gradients(loss, combination_image)

outputs = [loss]
if type(grads) in {list, tuple}:
    outputs += grads
else:
    outputs.append(grads)
f_outputs = K.function([combination_image], outputs)


def eval_loss_and_grads(x):
    if K.image_dim_ordering() == 'th':
        x = x.reshape((1, 3, img_width, img_height))
    else:
        x = x.reshape((1, img_width, img_height, 3))
    outs = f_outputs([x])
    loss_value = outs[0]
    if len(outs[1:]) == 1:
        grad_values = outs[1].flatten().astype('float64')
    else:
        grad_values = np.array(outs[1:]).flatten().astype('float64')
    return loss_value, grad_values


class Evaluator(object):
    def __init__(self):
        self.loss_value = None
        self.grads_values = None

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

# run scipy-based optimization (L-BFGS) over the pixels of the generated image so as to minimize the neural style loss
x = np.random.uniform(0, 1, (1,) + tuple(K.int_shape(combination_image)[1:])) - 0.5
first_loss = float(eval_loss_and_grads(x)[0])
minima = []
for i in range(4):
    start_time = time.time()
    x, min_val, info = fmin_l_bfgs_b(evaluator.loss, x.flatten(), fprime=evaluator.grads, maxfun=20)
    print('Current loss value:', min_val)
    minima.append(float(min_val))
    print('Iteration %d completed in %ds' % (i, time.time() - start_time))
