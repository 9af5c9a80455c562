"""What scripts begin with, and what they give to functions, tables, metrics and layers of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import dropin


@pytest.fixture
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def test_tables_are_looked_up(tf, tmp_path):
    known = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([3, 4]), value_dtype=tf.int64)
    table = tf.lookup.StaticHashTable(known, default_value=-1)
    found = table.lookup(tf.constant([["b", "x"], ["a", "a"]]))
    assert (found.numpy().tolist(), found.dtype, int(table.size())) == ([[4, -1], [3, 3]], tf.int64, 2)
    words = tf.data.Dataset.from_tensor_slices(["a", "b", "c"]).map(table.lookup)
    assert [int(number) for number in words] == [3, 4, -1]
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    index = tf.lookup.TextFileIndex
    lines = tf.lookup.TextFileInitializer(
        str(tmp_path / "words.txt"), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
    )
    vocabulary = tf.lookup.StaticVocabularyTable(lines, num_oov_buckets=2)
    assert vocabulary.lookup(tf.constant(["two", "one"])).numpy().tolist() == [1, 0]
    assert int(vocabulary[tf.constant("three")]) in (2, 3)
    numbers = tf.lookup.KeyValueTensorInitializer([1, 2], ["one", "two"])
    assert tf.lookup.StaticHashTable(numbers, "?").lookup(tf.constant([2, 9])).numpy().tolist() == [b"two", b"?"]
    changing = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, default_value=0)
    changing.insert(["a", "b"], [1, 2])
    changing.remove(["a"])
    assert changing.lookup(["a", "b"]).numpy().tolist() == [0, 2]
    with pytest.raises(ValueError, match="as many"):
        tf.lookup.KeyValueTensorInitializer(["a"], [1, 2])


def test_the_lines_that_scripts_begin_with(tf):
    assert tf.__version__ == tf.version.VERSION and isinstance(tf.version.GIT_VERSION, str)
    try:
        cluster = tf.distribute.cluster_resolver.TPUClusterResolver()
        strategy = tf.distribute.TPUStrategy(cluster)
    except ValueError:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with pytest.raises(ValueError, match="no TPUs"):
        tf.distribute.cluster_resolver.TPUClusterResolver.connect(tpu="local")
    assert (strategy.cluster_resolver.task_type, strategy.cluster_resolver.task_id) == ("worker", 0)
    from tensorflow.python.client import device_lib

    assert device_lib.list_local_devices()[0].device_type == "CPU"
    assert tf.sysconfig.get_build_info()["is_cuda_build"] == tf.test.is_built_with_cuda()
    variable = tf.Variable([1.0, 2.0], aggregation=tf.VariableAggregation.MEAN)
    assert variable.value().numpy().tolist() == [1, 2]
    layer = tf.keras.layers.Layer()
    layer.add_weight(shape=(), name="w", synchronization=tf.VariableSynchronization.ON_READ, trainable=False)


def test_tensor_float_is_switched_where_torch_has_its_switches(tf):
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    try:
        for wanted in (True, False):
            tf.config.experimental.enable_tensor_float_32_execution(wanted)
            assert products.allow_tf32 is wanted and convolutions.allow_tf32 is wanted
            assert tf.config.experimental.tensor_float_32_execution_enabled() is wanted
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


@pytest.mark.parametrize("make", ["constant", "convert_to_tensor", "cast"])
def test_tensors_keep_their_values_when_the_array_or_variable_changes_that_they_were_made_of(tf, make):
    array, variable = np.zeros(2, "float32"), tf.Variable([0.0, 0.0])
    made = [getattr(tf, make)(item, tf.float32) for item in (array, variable)]
    taken = variable.value()
    array[:] = 1
    variable.assign([1.0, 1.0])
    assert [item.numpy().tolist() for item in (*made, taken)] == [[0.0, 0.0]] * 3
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(getattr(tf, make)(variable, tf.float32) ** 2)
    assert tape.gradient(loss, variable).numpy().tolist() == [2.0, 2.0]


def test_an_input_signature_makes_tensors_of_arguments_and_refuses_others(tf):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32), {"n": tf.TensorSpec([], tf.int32)}])
        def scaled(self, x, options):
            return x * tf.cast(options["n"], tf.float32)

    scaled = Module().scaled
    assert scaled([[1, 2]], {"n": 3}).numpy().tolist() == [[3.0, 6.0]]
    assert scaled(options={"n": tf.constant(2)}, x=np.ones((1, 2), int)).numpy().tolist() == [[2.0, 2.0]]
    for x, options, message in (
        (tf.ones((1, 3)), {"n": 1}, r"Argument 0 of 'scaled' must fit TensorSpec\(shape=\(None, 2\), dtype=float32"),
        (tf.ones((1, 2), tf.int32), {"n": 1}, "Argument 0"),
        ([[1.0, 2.0]], {"m": 1}, r"Argument 1 of 'scaled' must be a dict with the keys \['n'\]"),
        ([[1.0, 2.0]], {"n": 1.5}, r"Argument 1 of 'scaled'\['n'\] must fit"),
        (None, {"n": 1}, "Argument 0"),
    ):
        with pytest.raises(TypeError, match=message):
            scaled(x, options)
    with pytest.raises(TypeError, match="does not fit the `input_signature` of 'scaled': missing a required argument"):
        scaled([[1.0, 2.0]])


def test_state_of_metrics_has_the_names_of_tf_keras(tf):
    metric = tf.keras.metrics.Precision()
    assert [variable.name for variable in metric.variables] == ["true_positives:0", "false_positives:0"]


@pytest.mark.parametrize(("name", "padding"), [("Conv1D", "causal"), ("Conv2D", "same"), ("Conv3D", "valid")])
def test_convolutions_of_ones_own_take_what_they_need_from_the_base_class_of_tf_keras(tf, name, padding):
    class Own(getattr(tf.keras.layers, name)):
        def call(self, inputs):
            assert self._get_channel_axis() == -1 and self._get_input_channel(inputs.shape) == 2
            if self._is_causal:
                inputs = tf.pad(inputs, self._compute_causal_padding(inputs))
            format = self._tf_data_format  # noqa: A001
            return tf.nn.convolution(inputs, self.kernel, self.strides, self._get_padding_op(), data_format=format)

    x = np.random.default_rng(0).random((2, *[5] * int(name[4]), 2)).astype("float32")
    own, plain = Own(3, 2, padding=padding), getattr(tf.keras.layers, name)(3, 2, padding=padding)
    np.testing.assert_allclose(own(x).shape, plain(x).shape)
    plain.set_weights(own.get_weights())
    np.testing.assert_allclose(own(x).numpy(), plain(x).numpy(), rtol=1e-5)
