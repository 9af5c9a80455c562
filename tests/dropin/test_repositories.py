"""What much-used repositories for Keras 2 and TensorFlow 1 do, in small."""

import numpy as np
import pytest

from keras_torch import backend as K
from keras_torch import dropin, layers
from keras_torch.models import Model


@pytest.fixture
def tf():
    with dropin.install("2"):
        import tensorflow

        yield tensorflow


def test_sizes_are_computed_with_one_by_one(tf):
    seen = {}

    def scaled(x):
        size = K.shape(x)[1:3]
        seen.update(product=size * 32, half=size[::-1] // 2, share=size / 2, less=size - [1, 1], more=size + [3])
        return x * K.cast(size * 2, "float32")

    x = layers.Input((None, 2, 2))
    model = Model(x, layers.Lambda(scaled)(x))
    assert model.predict(np.ones((1, 3, 2, 2)), verbose=0)[0, 0, 0].tolist() == [6.0, 4.0]
    assert seen["product"] == (96, 64) and seen["half"] == (1, 1) and seen["less"] == (2, 1)
    assert seen["more"] == (3, 2, 3) and seen["share"].tolist() == [1.5, 1.0]


def test_sizes_of_symbolic_tensors_are_computed_with_too(tf):
    x = layers.Input((None, None, 1))
    larger = layers.Lambda(lambda t: tf.image.resize_bilinear(t, K.shape(x)[1:3] * 2))(x)
    assert Model(x, larger).predict(np.ones((1, 3, 4, 1)), verbose=0).shape == (1, 6, 8, 1)


@pytest.mark.parametrize("wanted", [3, 7, 10])
@pytest.mark.parametrize("align_corners", [False, True])
def test_images_are_resized_as_points_as_in_tensorflow_1(tf, wanted, align_corners):
    row = np.random.default_rng(1).random(5).astype("float32")
    places = np.linspace(0, 4, wanted) if align_corners else np.arange(wanted) * 5 / wanted
    linear = np.interp(places, np.arange(5), row)
    nearest = row[np.floor(places + (0.5 if align_corners else 0)).astype(int)]
    image = row.reshape(1, 1, 5, 1)
    for function, expected in (("resize_bilinear", linear), ("resize_nearest_neighbor", nearest)):
        found = getattr(tf.image, function)(image, (1, wanted), align_corners=align_corners)
        np.testing.assert_allclose(found.numpy().ravel(), expected, rtol=1e-5)
    found = tf.image.resize_images(image, (1, wanted), align_corners=align_corners)
    np.testing.assert_allclose(found.numpy().ravel(), linear, rtol=1e-5)


def test_names_and_tensors_of_metrics_are_appended_after_compile(tf):
    x = layers.Input((2,))
    y = layers.Dense(1, kernel_initializer="ones", name="y")(x)
    model = Model(x, y)
    model.compile("sgd", "mse")
    model.metrics_names.append("size")
    model.metrics_tensors.append(tf.reduce_mean(y, keepdims=True) * 2.0)
    assert model.metrics_names == ["loss", "size"]
    assert model.evaluate(np.ones((4, 2)), np.zeros(4), verbose=0) == pytest.approx([4.0, 4.0])


def test_tensors_within_layers_have_the_old_name_of_the_shape(tf):
    class Old(layers.Layer):
        def call(self, x, mask=None):
            y = x * x._keras_shape[-1]
            y._keras_shape = x._keras_shape
            return y

    x = layers.Input((2, None))
    x._keras_shape = (None, 2, 3)
    assert Old()(x)._keras_shape == (None, 2, 3)
    with pytest.raises(ValueError, match="can only fill in None"):
        x._keras_shape = (None, 4, 3)
    assert Old()(K.variable(np.ones((2, 3)))).numpy().tolist() == [[3.0] * 3] * 2


def test_the_backend_knows_files_of_tensorflow(tf):
    found = K.control_flow_ops.while_loop(lambda i: i < 5, lambda i: [i + 2], [K.constant(0, "int32")])
    assert int(K.get_value(found[0] if isinstance(found, (list, tuple)) else found)) == 6


def test_scopes_name_the_weights_that_are_made_in_them():
    with dropin.install("tf"):
        import tensorflow as tf

        class Embedding(layers.Layer):
            def build(self, shape):
                self.inner = layers.Dense(2)
                with tf.name_scope("words"):
                    self.words = self.add_weight(name="weight", shape=(2,))
                with tf.name_scope("places"), K.name_scope("inner"):
                    self.inner.build(shape)
                super().build(shape)

            def call(self, x):
                return self.inner(x) + self.words

        x = layers.Input((2,))
        names = [weight.name for weight in Model(x, Embedding(name="e")(x)).weights]
        assert names == ["e/words/weight:0", "e/places/inner/kernel:0", "e/places/inner/bias:0"]
        alone = Embedding(name="e")
        alone.build((None, 2))
        assert alone.weights[0].name == "words/weight:0"
