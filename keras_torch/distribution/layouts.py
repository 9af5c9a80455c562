"""Meshes of devices, and layouts that say along which axis of a mesh an axis of a tensor is split."""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config, distributed
from keras_torch.distribution.processes import list_devices


class DeviceMesh:
    """Devices in an array of `shape`, with a name for each axis; `devices` are names, all there are by default."""

    def __init__(self, shape: Any, axis_names: Any, devices: Any = None) -> None:
        if not shape or not axis_names:
            raise ValueError(
                f"`shape` and `axis_names` cannot be empty. Received: shape={shape}, axis_names={axis_names}"
            )
        if len(shape) != len(axis_names):
            raise ValueError(
                f"`shape` and `axis_names` should have the same size. Received: shape={shape}, axis_names={axis_names}"
            )
        names = np.array(list_devices() if devices is None else devices)
        if math.prod(shape) != names.size:
            raise ValueError(
                f"`shape` does not match the number of devices. Received: shape={shape}; devices.shape={names.shape}"
            )
        self._shape, self._axis_names, self._devices = shape, axis_names, names.reshape(shape)
        self._mesh: Any = None

    @property
    def shape(self) -> Any:
        """The number of devices along each axis."""
        return self._shape

    @property
    def axis_names(self) -> Any:
        """The names of the axes."""
        return self._axis_names

    @property
    def devices(self) -> np.ndarray:
        """The names of the devices, in an array of `shape`."""
        return self._devices

    @property
    def backend_mesh(self) -> Any:
        """The mesh of torch (`torch.distributed.device_mesh.DeviceMesh`); all processes ask for it together."""
        from torch.distributed.device_mesh import init_device_mesh

        require_processes(self)
        distributed.start()
        if self._mesh is None:
            self._mesh = init_device_mesh(
                config.default_device().type, tuple(self._shape), mesh_dim_names=tuple(self._axis_names)
            )
        return self._mesh

    def __repr__(self) -> str:
        return f"<{type(self).__name__} shape={self.shape}, axis_names={self.axis_names}>"


def require_processes(mesh: DeviceMesh) -> None:
    """ValueError if a mesh needs another number of processes than there are."""
    wanted, there = int(mesh.devices.size), distributed.world_size()
    if wanted != there:
        raise ValueError(
            f"A mesh of {wanted} devices needs {wanted} processes, one for each. Received: a script in {there}. Run it "
            f"with `keras-torch run --gpus {wanted} script.py`, or `--processes {wanted}` on the CPU."
        )


class TensorLayout:
    """For each axis of a tensor the name of the mesh axis along which it is split, or None where it is whole."""

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None) -> None:
        self._axes = tuple(axes)
        self._device_mesh = device_mesh
        self._check()

    def _check(self) -> None:
        if self._device_mesh is None:
            return
        wrong = {axis for axis in self._axes if axis} - set(self._device_mesh.axis_names)
        if wrong:
            raise ValueError(
                f"Invalid axis names for a layout. Valid axis names: {set(self._device_mesh.axis_names)}. "
                f"Received: {wrong}"
            )

    @property
    def axes(self) -> tuple[str | None, ...]:
        """The names of the mesh axes."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh; it may be set once."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, value: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ValueError(f"Cannot override the device mesh of a layout. Existing: {self._device_mesh}")
        self._device_mesh = value
        self._check()

    @property
    def backend_layout(self) -> Any:
        """The mesh of torch, and the placement of a tensor along each of its axes."""
        from torch.distributed.tensor import Replicate, Shard

        if self._device_mesh is None:
            raise ValueError("Cannot make a layout of torch without a device mesh. Received: device_mesh=None")
        split = {name: index for index, name in enumerate(self._axes) if name}
        names = self._device_mesh.axis_names
        placements = [Shard(split[name]) if name in split else Replicate() for name in names]
        return self._device_mesh.backend_mesh, placements

    @property
    def splits(self) -> bool:
        """Whether any axis is split among two devices or more."""
        mesh = self._device_mesh
        sizes = {} if mesh is None else dict(zip(mesh.axis_names, mesh.shape, strict=True))
        return any(sizes.get(axis, 1) > 1 for axis in self._axes if axis)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(MutableMapping[str, TensorLayout]):
    """Layouts by paths of variables: a key is a path, or a pattern that is found in it.

    `map[path]` is None if no key fits; ValueError if several do.
    """

    def __init__(self, device_mesh: DeviceMesh | None = None) -> None:
        self._layouts: collections.OrderedDict[str, TensorLayout] = collections.OrderedDict()
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh that layouts get that have none."""
        return self._device_mesh

    def __getitem__(self, key: str) -> TensorLayout | None:  # type: ignore[override]
        if key in self._layouts:
            return self._layouts[key]
        found = [pattern for pattern in self._layouts if re.search(pattern, key)]
        if len(found) > 1:
            raise ValueError(
                f"Path {key!r} matches multiple layout specification keys: {found}. Each path must match one at most."
            )
        return self._layouts[found[0]] if found else None

    def __setitem__(self, key: str, layout: TensorLayout | tuple[str | None, ...]) -> None:
        if key in self._layouts:
            raise ValueError(f"{key} already exists in the LayoutMap with value {self._layouts[key]}.")
        if isinstance(layout, tuple):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"{layout} should be a TensorLayout or a tuple. Received: {type(layout)}")
        if layout.device_mesh is None and self._device_mesh is not None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)


def distribute_tensor(tensor: Any, layout: TensorLayout) -> Any:
    """Return a tensor laid out on its mesh (`torch.distributed.tensor.distribute_tensor`), as it is on one device."""
    if layout.device_mesh is not None and layout.device_mesh.devices.size == 1:
        return tensor
    from torch.distributed import tensor as dtensor

    mesh, placements = layout.backend_layout
    return dtensor.distribute_tensor(torch.as_tensor(tensor), mesh, placements)
