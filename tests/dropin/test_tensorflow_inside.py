"""What packages import from inside TensorFlow and Keras, below `tensorflow.python` and `keras.src`."""

from __future__ import annotations

import importlib
import sys
import types

import numpy as np
import pytest
import torch

from keras_torch import dropin, layers


@pytest.fixture
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def test_files_of_tensorflow_hold_what_its_root_offers(tf):
    from tensorflow.python.eager import backprop, context
    from tensorflow.python.framework import ops, tensor_shape
    from tensorflow.python.ops import array_ops, gen_math_ops, math_ops, nn_ops, random_ops
    from tensorflow.python.util import nest

    assert math_ops.reduce_sum is tf.reduce_sum and array_ops.concat is tf.concat
    assert gen_math_ops.exp is tf.exp and nn_ops.bias_add is tf.nn.bias_add
    assert ops.convert_to_tensor is tf.convert_to_tensor and tensor_shape.TensorShape is tf.TensorShape
    assert nest.flatten is tf.nest.flatten and backprop.GradientTape is tf.GradientTape
    assert random_ops.random_uniform((2,)).shape == (2,)
    assert context.executing_eagerly()


def test_a_name_that_a_file_of_tensorflow_lacks_says_what_to_use(tf):
    from tensorflow.python.ops import math_ops

    with pytest.raises(AttributeError, match="inside TensorFlow"):
        math_ops.no_such_function  # noqa: B018


def test_initializers_of_version_one_are_those_of_keras(tf):
    from tensorflow.python.ops.init_ops import Ones, TruncatedNormal, Zeros, glorot_normal_initializer

    assert float(Ones()((1,))) == 1.0 and float(Zeros()((1,))) == 0.0
    assert TruncatedNormal(stddev=0.1, seed=1)((3,)).shape == (3,)
    assert glorot_normal_initializer(seed=2)((4, 4)).shape == (4, 4)


def test_a_moving_average_moves_by_its_share(tf):
    from tensorflow.python.training.moving_averages import assign_moving_average

    average = tf.Variable([1.0, 2.0])
    assign_moving_average(average, tf.constant([2.0, 0.0]), 0.75)
    np.testing.assert_allclose(np.asarray(average), [1.25, 1.5])


def test_a_condition_that_is_known_chooses_one_function(tf):
    from tensorflow.python.framework import smart_cond

    assert smart_cond.smart_cond(True, lambda: "first", lambda: 1 / 0) == "first"
    assert smart_cond.smart_constant_value(tf.constant(False)) is False


@pytest.mark.parametrize("name", ["distribute.TPUStrategy", "tpu.experimental.embedding.TableConfig"])
def test_classes_that_packages_only_name_exist_and_cannot_be_made(tf, name):
    found = tf
    for part in name.split("."):
        found = getattr(found, part)
    assert not isinstance(tf.distribute.get_strategy(), found)
    with pytest.raises(AttributeError, match="There are no TPUs"):
        found()


def test_the_base_class_of_convolutions_is_found_in_every_generation(tf):
    for path in (
        "tensorflow.python.keras.layers.convolutional",
        "keras.layers.convolutional.base_conv",
        "keras.src.layers.convolutional.base_conv",
    ):
        conv = importlib.import_module(path).Conv
        assert isinstance(layers.Conv2D(1, 3), conv) and not isinstance(layers.Dense(1), conv)
    assert importlib.import_module("keras.src.layers.convolutional.base_conv").BaseConv is conv


def test_keras_core_is_keras_too():
    with dropin.install("3"):
        import keras
        import keras_core
        from keras_core import ops
        from keras_core.src.backend.tensorflow.numpy import matmul

        assert keras_core.layers is keras.layers and ops is keras.ops and matmul is ops.matmul


def test_tensorboard_is_told_to_do_without_tensorflow(tf):
    assert isinstance(sys.modules["tensorboard.compat.notf"], types.ModuleType)


def test_summaries_of_version_one_are_written(tf, tmp_path):
    summary_pb2 = pytest.importorskip("tensorboard.compat.proto.summary_pb2")
    writer = tf.compat.v1.summary.FileWriter(str(tmp_path))
    message = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag="loss", simple_value=0.5)])
    assert isinstance(message, summary_pb2.Summary)
    writer.add_summary(message, 3)
    with writer.as_default():
        assert tf.summary.experimental.write_raw_pb(message.SerializeToString(), step=4)
    writer.close()
    assert sum(path.read_bytes().count(b"loss") for path in tmp_path.iterdir()) == 2
    array = tf.make_ndarray(tf.make_tensor_proto([1.0, 2.0]))
    np.testing.assert_array_equal(array, np.array([1.0, 2.0], array.dtype))


def test_values_of_tensors_may_be_annotated_as_tensorflow_does(tf):
    assert isinstance(torch.ones(1), tf.types.experimental.TensorLike)


def test_a_label_may_come_last_and_an_old_name_may_say_nothing(tf):
    box = tf.slice(tf.range(5), [1], [2], "label")
    assert box.numpy().tolist() == [1, 2]
    rows = tf.reduce_sum(tf.ones((2, 3)), axis=-1, keepdims=True, reduction_indices=None)
    assert tuple(rows.shape) == (2, 1)
    assert tf.concat(tf.ones((2, 3)), axis=-1).shape == (2, 3)


def test_a_star_import_brings_the_names_of_a_part(tf):
    names: dict[str, object] = {}
    exec("from tensorflow.python.ops.rnn_cell import *", names)
    assert names["RNNCell"] is layers.AbstractRNNCell


def test_a_build_of_ones_own_gets_shapes_with_tensorflows_accessors(tf):
    class Shaped(layers.Layer):
        def build(self, input_shape):
            first = input_shape[0] if isinstance(input_shape, list) else input_shape
            self.seen = first.as_list(), first.ndims, first == [None, 3], first[1:].rank

        def call(self, inputs):
            return inputs

    for inputs in (tf.keras.Input((3,)), [tf.keras.Input((3,))]):
        layer = Shaped()
        layer(inputs)
        assert layer.seen == ([None, 3], 2, True, 1)


def test_models_name_the_strategy_in_use(tf):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    assert model.distribute_strategy.extended.should_checkpoint
    assert not hasattr(model.distribute_strategy.extended, "no_such_thing")


def test_modules_of_keras_applications_are_found_under_their_old_names():
    with dropin.install("2"):
        import keras_applications

        assert keras_applications._KERAS_LAYERS is layers
        with pytest.raises(AttributeError):
            keras_applications._KERAS_NOTHING  # noqa: B018


def test_a_slice_may_begin_and_end_where_sizes_of_other_tensors_say(tf):
    large, small = tf.keras.Input((None, 3)), tf.keras.Input((None, 3))
    begin = (tf.shape(large)[1] - tf.shape(small)[1]) // 2
    middle = tf.slice(large, [0, begin, 0], [-1, tf.shape(small)[1], -1], "middle")
    model = tf.keras.Model([large, small], middle)
    x = np.arange(18, dtype="float32").reshape(1, 6, 3)
    np.testing.assert_array_equal(model.predict([x, x[:, :2]], verbose=0), x[:, 2:4])


def test_an_optimizer_of_ones_own_may_pass_its_locking_on(tf):
    class Own(tf.keras.optimizers.legacy.Optimizer):
        def __init__(self):
            super().__init__("own")
            self._set_hyper("learning_rate", 0.5)

        def _resource_apply_dense(self, grad, var, apply_state=None):
            return var.assign(var - self._get_hyper("learning_rate") * grad, use_locking=self._use_locking)

        def get_config(self):
            return super().get_config()

    weight = tf.Variable([1.0, 2.0])
    Own().apply_gradients([(tf.constant([1.0, 0.0]), weight)])
    np.testing.assert_allclose(np.asarray(weight), [0.5, 2.0])


def test_transforms_of_images_come_back_at_the_size_asked_for(tf):
    image = tf.random.normal((2, 4, 5))
    back = tf.signal.irfft2d(tf.signal.rfft2d(image), fft_length=[4, 5])
    np.testing.assert_allclose(back.numpy(), image.numpy(), atol=1e-6)
    np.testing.assert_array_equal(tf.signal.ifftshift(tf.signal.fftshift(image)).numpy(), image.numpy())


def test_what_packages_note_about_themselves_is_kept(tf):
    from tensorflow.python.eager import monitoring
    from tensorflow.python.ops import control_flow_util
    from tensorflow.python.tpu import embedding_context_utils, tpu_function
    from tensorflow.python.util import deprecation

    used, count = monitoring.BoolGauge("/used", "", "part"), monitoring.Counter("/count", "")
    used.get_cell("loop").set(True)
    count.get_cell().increase_by(2)
    assert [used.get_cell(part).value() for part in ("loop", "other")] == [True, False]
    assert count.get_cell().value() == 2 and monitoring.StringGauge("/name", "").get_cell().value() == ""
    assert deprecation.deprecated(None, "Use another.")(len) is len
    assert not control_flow_util.GraphOrParentsInXlaContext(None)
    assert tpu_function.get_tpu_context().number_of_shards is None
    with embedding_context_utils.SequentialEmbeddingContext():
        pass


def test_a_subclass_may_keep_its_inputs_before_it_has_a_graph(tf):
    class Small(tf.keras.Model):
        def __init__(self):
            self.inputs = [tf.keras.Input((3,), name="x")]
            super().__init__(inputs=self.inputs, outputs=tf.keras.layers.Dense(2)(self.inputs[0]))

    model = Small()
    assert model.predict(np.ones((1, 3)), verbose=0).shape == (1, 2)
    with pytest.raises(ValueError, match="has its inputs already"):
        model.inputs = []


def test_the_private_regularizer_of_a_layer_is_its_regularizer(tf):
    class Own(tf.keras.layers.Layer):
        def __init__(self, activity_regularizer):
            super().__init__()
            self._activity_regularizer = tf.keras.regularizers.get(activity_regularizer)

        def call(self, inputs):
            return inputs

    layer = Own("l2")
    layer(tf.ones((1, 2)))
    np.testing.assert_allclose(np.asarray(layer.losses[0]), 0.02, rtol=1e-6)
    assert layer._activity_regularizer is layer.activity_regularizer and not isinstance(2, tf.compat.v1.Dimension)


def test_an_optimizer_of_ones_own_may_prepare_what_all_variables_share(tf):
    class Own(tf.keras.optimizers.legacy.Optimizer):
        def __init__(self):
            super().__init__("own")
            self._set_hyper("learning_rate", 0.5)
            self._track_trackable(self, "self")

        def _prepare_local(self, var_device, var_dtype, apply_state):
            super()._prepare_local(var_device, var_dtype, apply_state)
            apply_state[(var_device, var_dtype)]["twice"] = 2 * apply_state[(var_device, var_dtype)]["lr_t"]

        def _resource_apply_dense(self, grad, var, apply_state=None):
            place = var.device, var.dtype.base_dtype
            shared = (apply_state or {}).get(place) or self._fallback_apply_state(*place)
            return var.assign_sub(shared["twice"] * grad)

        def get_config(self):
            return super().get_config()

    weight = tf.Variable([1.0, 2.0])
    Own().apply_gradients([(tf.constant([1.0, 0.5]), weight)])
    np.testing.assert_allclose(np.asarray(weight), [0.0, 1.5])


def test_gradients_of_one_s_own_and_their_tape_as_packages_import_them(tf):
    from tensorflow.python.eager import tape
    from tensorflow.python.ops.custom_gradient import _graph_mode_decorator

    def doubled(x):
        with tape.stop_recording():
            result = x * 3.0
        return result, lambda upstream: upstream * 2.0

    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as recorded:
        y = _graph_mode_decorator(doubled, (x,), {})
    assert recorded.gradient(y, x).numpy().tolist() == [2.0, 2.0] and y.numpy().tolist() == [3.0, 6.0]
    with pytest.raises(AttributeError, match="record_operation"):
        tape.record_operation("f", [y], [x], None)


def test_lists_with_slices_index_as_tuples_do(tf):
    x = tf.reshape(tf.range(12), (3, 4))
    assert x[[slice(None), 1]].numpy().tolist() == [1, 5, 9] and x[[Ellipsis, None]].shape == (3, 4, 1)
