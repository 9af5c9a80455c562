"""Layers that packages build on the base classes, and with the helpers, in the files of Keras 2 and tf.keras."""

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import backend as K
from keras_torch import dropin
from keras_torch.layers import RNN, Conv2D, Dense, DepthwiseConv2D, GlobalMaxPooling2D, Layer, LSTMCell, MaxPooling2D


@pytest.fixture
def hook():
    with dropin.install("2"):
        yield


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_convolution_that_changes_its_kernel_computes_with_that(padding, data_format):
    class Centred(Conv2D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, kernel - K.mean(kernel, axis=(0, 1, 2), keepdims=True))

    options = {"padding": padding, "data_format": data_format, "strides": 2, "activation": "relu"}
    x = torch.rand(2, 6, 6, 6)
    layer, plain = Centred(4, 3, bias_initializer="ones", **options), Conv2D(4, 3, **options)
    found = layer(x)
    plain(x)
    kernel, bias = layer.get_weights()
    plain.set_weights([kernel - kernel.mean((0, 1, 2)), bias])
    torch.testing.assert_close(found, plain(x))


def test_the_base_of_convolutions_takes_the_rank_first_and_knows_its_kin(hook):
    from keras.layers.convolutional import _Conv

    class Mine(_Conv):
        def __init__(self, filters, **kwargs):
            super().__init__(rank=1, filters=filters, kernel_size=3, **kwargs)

        def get_config(self):
            config = super().get_config()
            del config["rank"], config["kernel_size"]
            return config

    layer = Mine.from_config(Mine(4, padding="same").get_config())
    assert layer(torch.zeros(2, 5, 3)).shape == (2, 5, 4)
    assert isinstance(Conv2D(1, 1), _Conv) and isinstance(DepthwiseConv2D(1), _Conv) and isinstance(layer, _Conv)
    assert not isinstance(Dense(1), _Conv) and not isinstance(Conv2D(1, 1), Mine)


def test_the_bases_of_pooling_call_the_function_of_the_subclass(hook):
    from keras.layers.pooling import _GlobalPooling2D, _Pooling1D, _Pooling2D

    class Double(_Pooling2D):
        def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
            return 2 * K.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode="max")

    class Sequences(_Pooling1D, Double):
        pass

    class Total(_GlobalPooling2D):
        def call(self, inputs):
            return K.sum(inputs, axis=[1, 2])

    x = torch.rand(2, 6, 4, 3)
    torch.testing.assert_close(Double(2)(x), 2 * MaxPooling2D(2)(x))
    torch.testing.assert_close(Sequences(2)(x[:, :, 0]), 2 * MaxPooling2D((2, 1))(x[:, :, :1])[:, :, 0])
    torch.testing.assert_close(Total()(x), x.sum((1, 2)))
    assert isinstance(MaxPooling2D(), _Pooling2D) and isinstance(GlobalMaxPooling2D(), _GlobalPooling2D)
    assert not isinstance(MaxPooling2D(), _Pooling1D)


def test_a_cell_that_keeps_a_dropout_mask_gets_a_new_one_for_each_sequence(hook):
    from keras.layers.recurrent import _generate_dropout_mask

    class Cell(Layer):
        state_size = 200
        _dropout_mask = None

        def call(self, inputs, states, training=None):
            if self._dropout_mask is None:
                self._dropout_mask = _generate_dropout_mask(K.ones_like(inputs), 0.5, training=training)
            output = states[0] + inputs * self._dropout_mask
            return output, [output]

    layer = RNN(Cell())
    x = torch.ones(1, 3, 200)
    first, second = layer(x, training=True), layer(x, training=True)
    assert set(first.unique().tolist()) == {0.0, 6.0} and not torch.equal(first, second)
    assert torch.equal(layer(x[:, :1]), x[:, 0])


def test_cells_get_masks_by_the_names_of_tf_keras():
    class Mine(LSTMCell):
        def call(self, inputs, states, training=None):
            self.masks = self.get_dropout_mask_for_cell(inputs, training, count=4)
            self.recurrent = self.get_recurrent_dropout_mask_for_cell(states[0], training, count=1)
            return states[0], states

    cell = Mine(50, dropout=0.5)
    RNN(cell)(torch.ones(2, 3, 60), training=True)
    assert [mask.shape for mask in cell.masks] == [(2, 60)] * 4 and cell.recurrent is None
    assert set(cell.masks[0].unique().tolist()) == {0.0, 2.0} and not torch.equal(*cell.masks[:2])
    RNN(cell)(torch.ones(2, 3, 60))
    assert torch.equal(cell.masks[3], torch.ones(2, 60))


def test_a_cell_with_the_mixin_of_tf_keras_trains():
    with dropin.install("tf"):
        from tensorflow.keras.layers import Layer
        from tensorflow.python.keras.layers.recurrent import DropoutRNNCellMixin

        class Cell(DropoutRNNCellMixin, Layer):
            def __init__(self, units, dropout=0.0, **kwargs):
                super().__init__(**kwargs)
                self.state_size, self.dropout = units, dropout

            def build(self, input_shape):
                self.kernel = self.add_weight(shape=(input_shape[-1], self.state_size), name="kernel")

            def call(self, inputs, states, training=None):
                mask = self.get_dropout_mask_for_cell(inputs, training)
                output = K.dot(inputs if mask is None else inputs * mask, self.kernel) + states[0]
                return output, [output]

        model = keras.Sequential([keras.Input((4, 3)), RNN(Cell(2, 0.25)), Dense(1)])
        assert model.layers[0].output_shape == (None, 2)
        model.compile("sgd", "mse")
        model.fit(np.ones((5, 4, 3)), np.ones((5, 1)), batch_size=2, verbose=0)
        assert model.predict(np.ones((3, 4, 3)), verbose=0).shape == (3, 1)


def test_the_functions_of_networks_take_the_modules_of_keras(hook):
    import keras as installed
    from keras_applications.vgg16 import preprocess_input

    modules = {name: getattr(installed, name) for name in ("backend", "layers", "models", "utils")}
    found = preprocess_input(np.zeros((1, 1, 1, 3)), **modules)
    np.testing.assert_allclose(found[0, 0, 0], [-103.939, -116.779, -123.68])
