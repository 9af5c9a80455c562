"""What TensorFlow itself saved, through the names of `tf.train`."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_torch import dropin

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "saved_models_keras2150.zip"


@pytest.fixture(scope="module")
def tf() -> Any:
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(
            tmp_path, [name for name in archive.namelist() if name.startswith(("loop", "session", "small-multi_io"))]
        )
    return tmp_path


def _loop(tf: Any) -> tuple[Any, Any, Any]:
    net = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dense(2)])
    return net, tf.keras.optimizers.Adam(0.5), tf.Variable(0)


def test_layers_in_lists_wait_for_their_weights(tf: Any, saved: Path) -> None:
    net, _, _ = _loop(tf)
    tf.train.Checkpoint(net={"layer_with_weights-0": net.layers[0]}).restore(str(saved / "loop.ckpt"))
    net(tf.ones((1, 3)))
    with np.load(io.BytesIO((saved / "loop.npz").read_bytes())) as stored:
        np.testing.assert_array_equal(net.get_weights()[0], stored["saved0"])


@pytest.mark.parametrize("built", [True, False])
def test_a_loop_of_one_s_own_goes_on_from_its_checkpoint(tf: Any, saved: Path, built: bool) -> None:
    net, optimizer, step = _loop(tf)
    if built:
        net.build((None, 3))
    status = tf.train.Checkpoint(step=step, optimizer=optimizer, net=net).restore(str(saved / "loop.ckpt"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net(tf.ones((1, 3))) ** 2)
    with np.load(io.BytesIO((saved / "loop.npz").read_bytes())) as stored:
        for index, weight in enumerate(net.get_weights()):
            np.testing.assert_array_equal(weight, stored[f"saved{index}"])
        optimizer.apply_gradients(
            zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables, strict=True)
        )
        for index, weight in enumerate(net.get_weights()):
            np.testing.assert_allclose(weight, stored[f"next{index}"], rtol=1e-5, atol=1e-6)
    assert int(step) == 1 and int(optimizer.iterations) == 2
    assert status.assert_existing_objects_matched() is status


def test_what_is_not_in_a_checkpoint_keeps_its_value_until_that_is_asked_about(tf: Any, saved: Path) -> None:
    net, _, step = _loop(tf)
    other = tf.Variable([5.0])
    net.build((None, 3))
    status = tf.train.Checkpoint(net=net, extra=[other, step]).restore(str(saved / "loop.ckpt"))
    assert other.numpy() == [5.0] and status.expect_partial() is status
    with pytest.raises(AssertionError, match="extra"):
        status.assert_existing_objects_matched()


def test_arrays_are_read_by_name(tf: Any, saved: Path) -> None:
    path = str(saved / "session.ckpt")
    assert tf.train.list_variables(path) == [("layer/steps", []), ("layer/w", [2, 2])]
    reader = tf.train.load_checkpoint(path)
    assert reader.get_variable_to_dtype_map() == {"layer/steps": tf.int64, "layer/w": tf.float32}
    assert reader.has_tensor("layer/w") and not reader.has_tensor("w") and reader.get_tensor("layer/steps") == 12
    np.testing.assert_array_equal(tf.train.load_variable(path, "layer/w:0"), [[1.0, -2.0], [0.5, 4.0]])
    with pytest.raises(KeyError, match="holds no 'w'"):
        reader.get_tensor("w")
    with pytest.raises(ValueError, match=r"arrays by name and no objects.*load_checkpoint"):
        tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(2,))]).load_weights(path)


def test_a_saver_reads_what_one_of_tensorflow_1_wrote(tf: Any, saved: Path) -> None:
    v1 = tf.compat.v1
    w, steps = tf.Variable(np.zeros((2, 2), "float32")), tf.Variable(0, dtype=tf.int64)
    v1.train.Saver({"layer/w": w, "layer/steps": steps}).restore(None, str(saved / "session.ckpt"))
    assert int(steps) == 12 and w.numpy().tolist() == [[1.0, -2.0], [0.5, 4.0]]
    wrong, steps = tf.Variable(np.zeros((3, 2), "float32")), tf.Variable(0, dtype=tf.int64)
    with pytest.raises(ValueError, match=r"'layer/w' has the shape \(3, 2\), but the array .* \(2, 2\)"):
        v1.train.Saver({"layer/steps": steps, "layer/w": wrong}).restore(None, str(saved / "session.ckpt"))
    assert int(steps) == 0


def test_a_saved_model_is_loaded_with_its_signature_and_a_model_saved_as_one(tf: Any, saved: Path) -> None:
    loaded = tf.saved_model.load(str(saved / "small-multi_io"))
    serve = loaded.signatures["serving_default"]
    tensors = {tensor.name.split(":")[0]: tf.ones([2, *tensor.shape[1:]], tensor.dtype) for tensor in loaded.inputs}
    found = serve(**tensors)
    assert list(found) == loaded.output_names and len(found) > 1
    for value, expected in zip(found.values(), loaded(list(tensors.values())), strict=True):
        np.testing.assert_array_equal(value.numpy(), expected.numpy())
    with pytest.raises(TypeError, match="takes the tensors .* by name"):
        serve(*tensors.values())
    with pytest.warns(UserWarning, match="TensorFlow's own formats"):
        tf.saved_model.save(loaded, str(saved / "again"))
    again = tf.saved_model.load(str(saved / "again")).signatures["serving_default"](**tensors)
    np.testing.assert_array_equal(next(iter(again.values())).numpy(), next(iter(found.values())).numpy())
    found = [
        tf.saved_model.contains_saved_model(str(saved / name))
        for name in ("small-multi_io", "again", "loop.ckpt.index")
    ]
    assert found == [True, True, False] and not tf.saved_model.contains_saved_model(str(saved / "nothing"))
    with pytest.raises(ValueError, match="the tag 'serve'"):
        tf.saved_model.load(str(saved / "again"), tags=["train"])
    with pytest.raises(TypeError, match="models of Keras"):
        tf.saved_model.save(tf.Module(), str(saved / "module"))


def test_a_manager_goes_on_in_a_folder_of_tensorflow(tf: Any, saved: Path) -> None:
    (saved / "checkpoint").write_text('model_checkpoint_path: "loop.ckpt"\nall_model_checkpoint_paths: "loop.ckpt"\n')
    net, optimizer, step = _loop(tf)
    net.build((None, 3))
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(step=step, net=net), str(saved), max_to_keep=1)
    assert manager.restore_or_initialize() == str(saved / "loop.ckpt") and int(step) == 1
    step.assign(2)
    manager.save()
    assert tf.train.latest_checkpoint(str(saved)) == manager.latest_checkpoint != str(saved / "loop.ckpt")
    assert (saved / "loop.ckpt.index").exists()
