"""How a training is spread over devices: its data, or its weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch.distributed as dist

from keras_torch import distributed
from keras_torch.distribution.layouts import DeviceMesh, LayoutMap, TensorLayout, require_processes
from keras_torch.distribution.processes import list_devices


class Distribution:
    """Base of the ways to spread a training over the devices of a mesh."""

    def __init__(
        self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True
    ) -> None:
        self._device_mesh = device_mesh
        self._batch_dim_name = batch_dim_name
        self._auto_shard_dataset = auto_shard_dataset

    @property
    def device_mesh(self) -> DeviceMesh:
        """The devices."""
        return self._device_mesh

    @property
    def batch_dim_name(self) -> str | None:
        """The axis of the mesh along which batches are split."""
        return self._batch_dim_name

    @property
    def auto_shard_dataset(self) -> bool:
        """As given; `fit` takes global batches and splits them by itself."""
        return self._auto_shard_dataset

    @property
    def num_processes(self) -> int:
        """The number of processes."""
        return distributed.world_size()

    @property
    def data_shard_id(self) -> int:
        """Which part of the data this process has."""
        return distributed.rank()

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model there are: the size of the mesh along the axis of the batch."""
        sizes = dict(zip(self._device_mesh.axis_names, self._device_mesh.shape, strict=True))
        return int(sizes.get(self._batch_dim_name, 1))

    def check(self) -> None:
        """ValueError if the processes that it needs are not there."""
        require_processes(self._device_mesh)

    @property
    def split_layouts(self) -> LayoutMap | None:
        """The layouts of weights, if any splits one."""
        return None

    def group(self) -> Any:
        """Return torch's group of the processes that divide batches, None for all."""
        return None

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Use it for what is made and trained within."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def get_data_layout(self, data_shape: Any) -> TensorLayout:
        """Return the layout of a batch: split along its first axis."""
        return TensorLayout([self._batch_dim_name, *[None] * (len(data_shape) - 1)], self._device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Return the layout of a weight."""
        return TensorLayout([None] * len(variable.shape), self._device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return the layout of an output of a layer, None where it is left as it comes."""
        return None

    def distribute_dataset(self, dataset: Any) -> Any:
        """Return the dataset as it is: `fit` splits its batches."""
        return dataset

    distribute_tf_dataset = distribute_dataset

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self._device_mesh}>"


class DataParallel(Distribution):
    """Every device has the whole model and a part of each batch: what `fit` does with several processes in any case.

    `device_mesh` has one axis, or `devices` are listed; by default there is one for each process. ValueError when it
    comes into use with another number of processes than devices.
    """

    def __init__(self, device_mesh: Any = None, devices: Any = None, auto_shard_dataset: bool = True) -> None:
        if device_mesh is not None and not isinstance(device_mesh, DeviceMesh):
            raise ValueError(
                "Expect `mesh` to be an instance of `DeviceMesh`. "
                f"Received: mesh={device_mesh} (of type {type(device_mesh)})"
            )
        if device_mesh is None:
            names = list(list_devices() if devices is None else devices)
            if devices is None and not distributed.is_active():
                names = names[:1]
            device_mesh = DeviceMesh((len(names),), ["batch"], names)
        super().__init__(device_mesh, device_mesh.axis_names[0], auto_shard_dataset)


class ModelParallel(Distribution):
    """Weights are split as a LayoutMap says, along the axes of the mesh that do not divide batches (DTensors).

    Set it before a model is trained or used; its weights are split when `fit`, `evaluate` or `predict` begin. `Dense`,
    `EinsumDense` (and so `MultiHeadAttention`) and `Embedding` compute with their parts, other layers gather theirs
    each time. Layouts of outputs of layers have no effect. Where a layout splits nothing this is DataParallel.
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("device_mesh", None)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {sorted(kwargs)}")
        if not isinstance(layout_map, LayoutMap) or layout_map.device_mesh is None:
            raise ValueError(
                f"Argument `layout_map` must be a `LayoutMap` instance with a device mesh. Received: {layout_map!r}"
            )
        mesh = layout_map.device_mesh
        super().__init__(mesh, batch_dim_name or mesh.axis_names[0], auto_shard_dataset)
        self._layout_map = layout_map

    def check(self) -> None:
        """ValueError for layouts that split weights as batches are, or if the processes are not there."""
        along = [pattern for pattern, layout in self._layout_map.items() if self._batch_dim_name in layout.axes]
        if along and self._layout_map.device_mesh.devices.size > 1:  # type: ignore[union-attr]
            raise ValueError(
                f"ModelParallel splits weights along other axes than batches, which are divided along "
                f"{self._batch_dim_name!r}. Received: layouts of {along} with that axis. Give the mesh an axis more, "
                "such as `DeviceMesh((1, 2), ('batch', 'model'))`, or run with `--shard`, which splits all weights."
            )
        if distributed.sharding() and self.split_layouts is not None:
            raise ValueError(
                "`--shard` and `--zero` split all weights already: leave out one of them or ModelParallel."
            )
        super().check()

    @property
    def split_layouts(self) -> LayoutMap | None:
        """The layouts of weights, if any splits one."""
        return self._layout_map if any(layout.splits for layout in self._layout_map.values()) else None

    @property
    def data_shard_id(self) -> int:
        """Which part of the data this process has."""
        group = self.group()
        return distributed.rank() if group is None else dist.get_rank(group)

    def group(self) -> Any:
        """Return torch's group of the processes that divide batches, None for all."""
        if self.split_layouts is None:
            return None
        return self._device_mesh.backend_mesh.get_group(self._batch_dim_name)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Return the layout of a weight."""
        found = self._layout_map[variable.path]
        return super().get_variable_layout(variable) if found is None else found

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return the layout of an output of a layer."""
        return self._layout_map[path]


class _Current:
    value: Distribution | None = None


def distribution() -> Distribution | None:
    """Return the distribution in use, None if none was set."""
    return _Current.value


def set_distribution(value: Distribution | None) -> None:
    """Use a distribution. ValueError if the processes that it needs are not there."""
    if value is not None:
        if not isinstance(value, Distribution):
            raise ValueError(f"`set_distribution` takes a Distribution or None. Received: {value!r}")
        value.check()
    distributed.set_data_group(None if value is None else value.group())
    _Current.value = value
