"""Files for TensorBoard, by torch's SummaryWriter."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def do_without_tensorflow() -> None:
    """Tell tensorboard to work by itself. Else it would import TensorFlow, for which this package may stand in."""
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))


def open_writer(folder: str) -> Any:
    """Return a `torch.utils.tensorboard.SummaryWriter` for a folder. ImportError says how to install TensorBoard."""
    do_without_tensorflow()
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            f"The TensorBoard callback needs the package tensorboard: pip install tensorboard. ({error})"
        ) from error
    return SummaryWriter(folder)


class EventFiles:
    """The folders of a run and their writers, which are opened when the first value is written."""

    def __init__(self, folders: Mapping[str, str], tensors: bool) -> None:
        self.folders = folders
        # Since TensorFlow 2, scalars are stored as tensors.
        self._tensors = tensors
        self._writers: dict[str, Any] = {}

    def writer(self, name: str) -> Any:
        """Return the writer of the folder called `name`."""
        folder = self.folders[name]
        if folder not in self._writers:
            self._writers[folder] = open_writer(folder)
        return self._writers[folder]

    def scalars(self, name: str, values: Mapping[str, Any], step: int) -> None:
        """Write numbers under their tags; of arrays each entry under `tag/0`, `tag/1`, ..."""
        for tag, value in values.items():
            if isinstance(value, str):
                continue
            array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value, dtype="float64")
            entries = {f"{tag}/{i}": item for i, item in enumerate(array.ravel())} if array.ndim else {tag: array}
            for full, item in entries.items():
                self.writer(name).add_scalar(full, float(item), step, new_style=self._tensors)

    def histogram(self, name: str, tag: str, values: torch.Tensor, step: int) -> None:
        """Write how values are distributed; those that are not finite are left out."""
        values = values.detach().float().flatten()
        values = values[torch.isfinite(values)]
        if values.numel():
            self.writer(name).add_histogram(tag, values.cpu().numpy(), step)

    def image(self, name: str, tag: str, weight: torch.Tensor, step: int, channels_last: bool, scale: bool) -> None:
        """Write a weight as an image, several filters below one another; weights of other shapes are left out."""
        image = weight.detach().float().squeeze()
        if image.dim() == 1:
            image = image.reshape(1, -1, 1, 1)
        elif image.dim() == 2:
            image = (image.t() if image.shape[0] > image.shape[1] else image)[None, :, :, None]
        elif image.dim() == 3:
            image = (image.permute(2, 0, 1) if channels_last else image)[..., None]
        if image.dim() != 4 or image.shape[-1] not in (1, 3, 4) or not torch.isfinite(image).all():
            return
        if scale:
            low, high = image.min(), image.max()
            image = (image - low) / (high - low).clamp_min(1e-12)
        rows = image.reshape(-1, *image.shape[2:])
        self.writer(name).add_image(tag, rows.clamp(0, 1).cpu().numpy(), step, dataformats="HWC")

    def graphs(self, name: str, model: Any) -> None:
        """Write the model's layers, as Keras does, and the torch functions of its graph."""
        from tensorboard.compat.proto.config_pb2 import RunMetadata
        from tensorboard.compat.proto.graph_pb2 import GraphDef

        network = getattr(model, "_network", None)
        if network is None:
            return
        self._layer_graph(name, model)
        program = network.program()
        if isinstance(program, torch.fx.GraphModule):
            nodes = [_node(node) for node in program.graph.nodes]
            self.writer(name)._get_file_writer().add_graph((GraphDef(node=nodes), RunMetadata()))

    def _layer_graph(self, name: str, model: Any) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto

        # The tag, the plugin's name and the "1" are what the graph dashboard looks for.
        plugin = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        value = Summary.Value(
            tag="keras",
            metadata=SummaryMetadata(plugin_data=plugin),
            tensor=TensorProto(dtype="DT_STRING", string_val=[model.to_json().encode()]),
        )
        self.writer(name)._get_file_writer().add_summary(Summary(value=[value]), 0)

    def flush(self) -> None:
        """Write out what is buffered."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Close the files; the next value opens new ones."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def _node(node: torch.fx.Node) -> Any:
    from tensorboard.compat.proto.node_def_pb2 import NodeDef

    target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return NodeDef(name=node.name, op=f"{node.op}: {target}", input=[source.name for source in node.all_input_nodes])
