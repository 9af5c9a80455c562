"""`keras.distribution` in one process; tests/distributed has what several do."""

import pytest
import torch

from keras_torch import distribution
from keras_torch.distribution import DataParallel, DeviceMesh, LayoutMap, ModelParallel, TensorLayout


@pytest.fixture
def mesh():
    return DeviceMesh((1, 2), ("batch", "model"), ["cpu:0", "cpu:1"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([], ["a"]), "cannot be empty"),
        (((2, 2), ("a",), ["cpu:0"] * 4), "should have the same size"),
        (((2,), ("a",), ["cpu:0"]), "does not match the number of devices"),
    ],
)
def test_a_mesh_whose_parts_do_not_fit_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        DeviceMesh(*arguments)


def test_layouts_are_found_by_path_and_by_pattern(mesh):
    layouts = LayoutMap(mesh)
    layouts["dense.*kernel"] = (None, "model")
    assert layouts["dense_1/kernel"].axes == (None, "model")
    assert layouts["dense_1/kernel"].device_mesh is mesh
    assert layouts["embedding/embeddings"] is None
    with pytest.raises(ValueError, match="already exists"):
        layouts["dense.*kernel"] = (None,)
    with pytest.raises(ValueError, match="should be a TensorLayout"):
        layouts["bias"] = 3
    layouts["dense_1.*"] = ("model",)
    with pytest.raises(ValueError, match="matches multiple"):
        layouts["dense_1/kernel"]


def test_a_layout_knows_only_the_axes_of_its_mesh(mesh):
    with pytest.raises(ValueError, match="Invalid axis names"):
        TensorLayout(("depth",), mesh)
    with pytest.raises(ValueError, match="Cannot override"):
        TensorLayout((None,), mesh).device_mesh = mesh


def test_data_parallel_splits_batches_along_their_first_axis():
    parallel = DataParallel()
    assert (parallel.num_processes, parallel.data_shard_id, parallel.num_model_replicas) == (1, 0, 1)
    assert parallel.get_data_layout((4, 2)).axes == ("batch", None)
    assert parallel.get_variable_layout(torch.zeros(3, 4)).axes == (None, None)
    with parallel.scope():
        assert distribution.distribution() is parallel
    assert distribution.distribution() is None


def test_devices_without_processes_are_refused_with_the_command_to_run():
    with pytest.raises(ValueError, match="keras-torch run --gpus 2"):
        distribution.set_distribution(DataParallel(devices=["gpu:0", "gpu:1"]))
    assert distribution.distribution() is None


def test_weights_are_split_along_other_axes_than_batches_by_as_many_processes(mesh):
    layouts = LayoutMap(mesh)
    layouts["kernel"] = (None, "model")
    parallel = ModelParallel(layout_map=layouts)
    assert parallel.batch_dim_name == "batch" and parallel.split_layouts is layouts
    with pytest.raises(ValueError, match="keras-torch run --gpus"):
        distribution.set_distribution(parallel)
    layouts["bias"] = ("batch",)
    with pytest.raises(ValueError, match="along other axes than batches"):
        distribution.set_distribution(parallel)
    with pytest.raises(ValueError, match="`layout_map` must be"):
        ModelParallel(layout_map=3)


def test_there_is_one_device_of_the_kind_in_use():
    assert distribution.list_devices("cpu") == ["cpu:0"]
    assert distribution.get_device_count("cpu") == 1
    with pytest.raises(ValueError, match="'cpu', 'gpu' or None"):
        distribution.list_devices("tpu")


def test_initializing_alone_joins_nobody_and_half_an_address_is_refused(monkeypatch):
    distribution.initialize()
    assert not torch.distributed.is_initialized()
    with pytest.raises(ValueError, match="together"):
        distribution.initialize("localhost:1234")


def test_a_tensor_on_one_device_stays_as_it_is():
    layout = TensorLayout(("a", None), DeviceMesh((1,), ("a",), ["cpu:0"]))
    tensor = torch.ones(2, 3)
    assert distribution.distribute_tensor(tensor, layout) is tensor
