"""Habits of scripts for tf.keras that its guides and many repositories share."""

from __future__ import annotations

import os

import numpy as np
import pytest

from keras_torch import dropin


@pytest.fixture(autouse=True)
def hook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with dropin.install("tf"):
        np.random.seed(0)
        yield


def make_net():
    import tensorflow as tf

    class Net(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [[tf.keras.layers.Dense(3)], {"last": tf.keras.layers.Dense(2)}]
            self.gain = tf.Variable(2.0)

        def call(self, x):
            return self.blocks[1]["last"](self.blocks[0][0](x)) * self.gain

    return Net()


def test_weights_without_an_ending_are_a_checkpoint_that_scripts_find_and_may_load_too_early():
    import tensorflow as tf

    net, x = make_net(), np.ones((2, 4), "float32")
    expected = net(x)
    net.save_weights("folder/cp-0001.ckpt")
    assert os.path.exists("folder/cp-0001.ckpt.index")
    latest = tf.train.latest_checkpoint("folder")
    assert latest == os.path.join("folder", "cp-0001.ckpt")
    other = make_net()
    other.load_weights(latest).expect_partial()
    assert np.array_equal(other(x), expected)
    with pytest.raises(OSError, match="absent"):
        make_net().load_weights("folder/absent")


def test_a_checkpoint_tells_layers_of_one_name_apart():
    import tensorflow as tf

    def make():
        inner = tf.keras.Sequential([tf.keras.layers.Dense(2, name="same", input_shape=(2,))], name="inner")

        class Pair(tf.keras.Model):
            def __init__(self):
                super().__init__()
                self.first, self.second = inner, tf.keras.models.clone_model(inner)

            def call(self, x):
                return self.first(x) - self.second(x)

        return Pair()

    pair, other, x = make(), make(), np.ones((1, 2), "float32")
    expected = pair(x)
    assert np.abs(expected).max() > 0
    pair.save_weights("pair")
    other(x)
    other.load_weights("pair").assert_consumed()
    assert np.array_equal(other(x), expected)


def test_cells_take_and_give_nested_tensors():
    import tensorflow as tf

    class Cell(tf.keras.layers.Layer):
        state_size = [tf.TensorShape([3]), tf.TensorShape([2, 2])]
        output_size = [tf.TensorShape([3]), tf.TensorShape([2, 2])]

        def build(self, shapes):
            self.kernel = self.add_weight(shape=(shapes[0][1], 3), initializer="ones", name="kernel")
            assert shapes[1][1:] == (2, 2)

        def call(self, inputs, states):
            first, second = inputs
            new = states[0] + tf.matmul(first, self.kernel), states[1] + second
            return new, new

    vectors, squares = tf.keras.Input((None, 4)), tf.keras.Input((None, 2, 2))
    outputs = tf.keras.layers.RNN(Cell(), return_sequences=True)((vectors, squares))
    model = tf.keras.Model([vectors, squares], outputs)
    first, second = model.predict([np.ones((2, 5, 4)), np.ones((2, 5, 2, 2))], verbose=0)
    assert np.array_equal(first[0, :, 0], [4, 8, 12, 16, 20])
    assert np.array_equal(second[1, :, 1, 0], [1, 2, 3, 4, 5])
    model.compile("sgd", "mse")
    model.fit([np.ones((2, 5, 4)), np.ones((2, 5, 2, 2))], [np.ones((2, 5, 3)), np.ones((2, 5, 2, 2))], verbose=0)


def test_what_a_layer_computed_of_numbers_is_a_constant_of_the_graph():
    import tensorflow as tf

    x = tf.keras.Input((3, 4))
    positions = tf.keras.layers.Embedding(3, 4)(tf.range(3))
    model = tf.keras.Model(x, tf.keras.layers.Dense(1)(x + positions))
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3, 4)), np.ones((4, 3, 1)), batch_size=2, verbose=0)
    assert len(model.trainable_variables) == 2


def test_iterators_over_datasets_are_asked_for_the_next_and_kept_in_checkpoints():
    import tensorflow as tf

    dataset = tf.data.Dataset.range(4)
    iterator = iter(dataset)
    checkpoint = tf.train.Checkpoint(iterator=iterator, step=tf.Variable(1))
    assert [int(iterator.get_next()), int(next(iterator))] == [0, 1]
    path = checkpoint.save("at_two")
    assert int(iterator.get_next_as_optional().get_value()) == 2
    checkpoint.restore(path)
    assert [int(item) for item in iterator] == [2, 3]
    with pytest.raises(tf.errors.OutOfRangeError, match="end"):
        iterator.get_next()
    assert not iterator.get_next_as_optional().has_value()
    assert dataset.as_numpy_iterator().next() == 0


def test_a_mapped_function_may_return_a_list_as_numpy_function_does():
    import tensorflow as tf

    def read(name, number):
        return np.full((2, 3), float(name.decode()), "float32"), number

    dataset = tf.data.Dataset.from_tensor_slices((["1.5", "2.5"], [3, 4]))
    dataset = dataset.map(lambda *item: tf.numpy_function(read, item, [tf.float32, tf.int32])).batch(2)
    images, numbers = next(iter(dataset))
    assert images.shape == (2, 2, 3) and float(images[1, 0, 0]) == 2.5
    assert numbers.numpy().tolist() == [3, 4]


def test_an_array_in_the_place_of_training_is_left_out_with_a_warning():
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,)), tf.keras.layers.Dropout(0.5)])
    x = np.ones((3, 2), "float32")
    with pytest.warns(UserWarning, match="training"):
        found = model(x, np.ones((3, 1)))
    assert np.array_equal(found, model(x))


def test_small_things_of_tensors_and_functions():
    import tensorflow as tf

    image = tf.reshape(tf.range(6), (2, 3))
    assert np.array_equal(tf.roll(image, shift=tf.constant([1, 1]), axis=[0, 1]), np.roll(image.numpy(), 1, (0, 1)))
    assert image.shape[:1].concatenate(tf.TensorShape([4])) == (2, 4)
    image.shape.assert_has_rank(2)
    with pytest.raises(ValueError, match="incompatible"):
        image.shape.assert_is_compatible_with([2, 4])
    double = tf.function(lambda x: 2 * x)
    concrete = double.get_concrete_function(tf.TensorSpec([None], tf.float32))
    assert concrete(tf.constant([1.0])).numpy() == [2.0]
    assert tf.keras.layers.RandomTranslation(tf.constant(0.5), 0.25).get_config()["height_factor"] is not None


def test_an_optimizer_of_tf_keras_2_0_reads_its_first_decay():
    import tensorflow as tf

    class Plain(tf.keras.optimizers.legacy.Optimizer):
        def __init__(self, learning_rate=0.1, name="Plain", **kwargs):
            super().__init__(name, **kwargs)
            self._set_hyper("learning_rate", learning_rate)
            self._set_hyper("decay", self._initial_decay)

        def _resource_apply_dense(self, grad, var, apply_state=None):
            var.assign_sub(self._decayed_lr(var.dtype.base_dtype) * grad)

    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones", input_shape=(1,))])
    model.compile(Plain(), "mse")
    model.fit(np.ones((1, 1)), np.zeros((1, 1)), verbose=0)
    assert model.get_weights()[0] == pytest.approx(0.8)


def test_seeds_split_and_summaries_wait_for_a_condition():
    import tensorflow as tf

    seeds = tf.random.split([1, 2], num=3)
    assert seeds.shape == (3, 2) and len({tuple(row) for row in seeds.tolist()}) == 3
    assert np.array_equal(seeds, tf.random.experimental.stateless_split([1, 2], num=3))
    assert not np.array_equal(tf.random.fold_in([1, 2], 0), tf.random.fold_in([1, 2], 1))
    drawn = [tf.random.stateless_uniform([2], seed=seed) for seed in seeds]
    assert not np.array_equal(drawn[0], drawn[1])
    assert not tf.summary.should_record_summaries()
    with tf.summary.record_if(False):
        assert tf.summary.scalar("loss", 1.0, step=0) is False


def test_shapes_are_checked_as_in_tensorflow():
    import tensorflow as tf

    x = tf.ones((2, 3))
    tf.debugging.assert_rank_in(x, [2, 3])
    tf.debugging.assert_rank_at_least(x, 1)
    tf.debugging.assert_type(x, tf.float32)
    for check in (
        lambda: tf.debugging.assert_scalar(x),
        lambda: tf.debugging.assert_rank_at_least(x, 3),
        lambda: tf.debugging.assert_rank_in(x, [1]),
    ):
        with pytest.raises(ValueError, match="Received"):
            check()
    with pytest.raises(TypeError, match="integers"):
        tf.debugging.assert_integer(x)


def test_the_shapes_of_an_input_layer_stand_in_a_list():
    import tensorflow as tf

    x = tf.keras.Input((4,))
    model = tf.keras.Model(x, tf.keras.layers.Dense(2)(x))
    assert model.layers[0].input_shape == model.layers[0].output_shape == [(None, 4)]
    assert (model.input_shape, model.layers[1].input_shape) == ((None, 4), (None, 4))


def test_the_rate_stands_behind_the_validation_in_a_line_of_progress(capsys):
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    model.fit(x, x[:, :1], validation_split=0.5, callbacks=[tf.keras.callbacks.ReduceLROnPlateau()])
    assert capsys.readouterr().out.rstrip().endswith(" - lr: 0.0100")


def test_sizes_that_become_one_in_a_small_trial_stay_open():
    import tensorflow as tf

    class Pyramid(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.convolutions = [tf.keras.layers.Conv2D(2, 3, 2, padding="same") for _ in range(3)]

        def call(self, x):
            for convolution in self.convolutions[:2]:
                x = convolution(x)
            x += tf.keras.layers.UpSampling2D()(self.convolutions[2](x))
            return tf.reshape(x, [tf.shape(x)[0], -1, 2])

    assert tuple(Pyramid()(tf.keras.Input([None, None, 1])).shape) == (None, None, 2)
