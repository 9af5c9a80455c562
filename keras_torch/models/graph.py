"""Keras 1.0's `Graph`: a functional model whose layers are connected by names, and whose data come in one dict."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_torch.engine import Input, Layer
from keras_torch.errors import reading_config
from keras_torch.layers.core import Identity
from keras_torch.layers.merge import Merge
from keras_torch.models import functional_config
from keras_torch.models.model import Model
from keras_torch.models.network import Network
from keras_torch.symbolic import KerasTensor

_EVALUATED_AT_ONCE = 128
_DTYPES = {"int": "int32", "float": None}


class Graph(Model):
    """A model of named inputs, nodes and outputs, as Keras 1.0 had it; new code uses `Input` and `Model`.

    Data are dicts with an array for each input and output; `predict` returns a dict. Formulas and defaults are those
    of Keras 1.0.8. ValueError if a name is used twice, is not known, or has no array.
    """

    _is_graph = True

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        described: dict[str, list[dict[str, Any]]] = {"input_config": [], "node_config": [], "output_config": []}
        self.__dict__.update(_starts={}, _ends={}, _tensors={}, _nodes={}, _described=described)

    def add_input(
        self, name: str, input_shape: Any = None, batch_input_shape: Any = None, dtype: str = "float"
    ) -> None:
        """Add an input of a shape without the batch size, or with it (`batch_input_shape`); `dtype` is int or float."""
        self._claim(name)
        kind = next((kind for kind in _DTYPES if str(dtype).startswith(kind)), None)
        if kind is None:
            raise ValueError(f"Input {name!r} of {self.name!r}: `dtype` must be 'int' or 'float'. Received: {dtype!r}")
        shape = {"batch_shape": batch_input_shape} if batch_input_shape else {"shape": input_shape}
        self._starts[name] = self._tensors[name] = Input(**shape, name=name, dtype=_DTYPES[kind])
        self._note("input_config", name=name, dtype=dtype, input_shape=input_shape, batch_input_shape=batch_input_shape)
        self._refresh()

    def add_node(
        self,
        layer: Layer,
        name: str,
        input: str | None = None,
        inputs: Sequence[str] = (),
        merge_mode: Any = "concat",
        concat_axis: int = -1,
        dot_axes: Any = -1,
        create_output: bool = False,
    ) -> None:
        """Add a layer under a name, behind `input` or behind the merged `inputs`."""
        self._claim(name)
        layer.name = name
        merging = {"merge_mode": merge_mode, "concat_axis": concat_axis, "dot_axes": dot_axes}
        self._tensors[name] = layer(self._joined(input, inputs, merging, f"merge_inputs_for_{name}"))
        self._nodes[name] = layer
        self._note("node_config", name=name, input=input, inputs=list(inputs), **merging, create_output=create_output)
        if create_output:
            self.add_output(name, input=name)

    def add_shared_node(
        self,
        layer: Layer,
        name: str,
        inputs: Sequence[str] = (),
        merge_mode: Any = None,
        concat_axis: int = -1,
        dot_axes: Any = -1,
        outputs: Sequence[str] = (),
        create_output: bool = False,
    ) -> None:
        """Run one layer on each of `inputs`; the results are merged, or get the names in `outputs`."""
        self._claim(name)
        merging = {"merge_mode": merge_mode, "concat_axis": concat_axis, "dot_axes": dot_axes}
        if not merge_mode and len(outputs) != len(inputs):
            raise ValueError(
                f"Node {name!r} of {self.name!r}: give `merge_mode`, or as many names in `outputs` as there are "
                f"`inputs`. Received: inputs={list(inputs)!r}, outputs={list(outputs)!r}"
            )
        layer.name = f"input_for_{name}" if merge_mode else name
        made = [layer(self._tensor(item)) for item in inputs]
        if merge_mode:
            self._tensors[name] = Merge(mode=merge_mode, concat_axis=concat_axis, dot_axes=dot_axes, name=name)(made)
        else:
            for output, tensor in zip(outputs, made, strict=True):
                self._claim(output)
                self._tensors[output] = Identity(name=output)(tensor)
        self._nodes[name] = layer
        self._note("node_config", name=name, inputs=list(inputs), **merging, outputs=list(outputs))
        for end in ([name] if merge_mode else outputs) if create_output else ():
            self.add_output(end, input=end)

    def add_output(
        self,
        name: str,
        input: str | None = None,
        inputs: Sequence[str] = (),
        merge_mode: Any = "concat",
        concat_axis: int = -1,
        dot_axes: Any = -1,
    ) -> None:
        """Make a node, or several merged, an output. As in Keras, the node's layer takes the output's name."""
        if name in self._ends:
            raise ValueError(f"Model {self.name!r} has an output called {name!r} already.")
        merging = {"merge_mode": merge_mode, "concat_axis": concat_axis, "dot_axes": dot_axes}
        tensor = self._joined(input, inputs, merging, name)
        layer = tensor._keras_history[0] if tensor._keras_history else None
        if layer is None or layer.name != name:
            if layer is None or input in self._starts or any(tensor is end for end in self._ends.values()):
                tensor = Identity(name=name)(tensor)
            else:
                layer.name = name
        self._ends[name] = tensor
        self._note("output_config", name=name, input=input, inputs=list(inputs), **merging)
        self._refresh()

    def _claim(self, name: str) -> None:
        if name in self._tensors or name in self._nodes:
            raise ValueError(f"Model {self.name!r} has an input or node called {name!r} already.")

    def _tensor(self, name: str) -> KerasTensor:
        if name not in self._tensors:
            raise ValueError(
                f"Model {self.name!r} has no input or node called {name!r}. There are: {sorted(self._tensors)}"
            )
        return self._tensors[name]

    def _joined(self, input: str | None, inputs: Sequence[str], merging: Mapping[str, Any], name: str) -> KerasTensor:
        if (input is None) == (not inputs):
            raise ValueError(
                f"Model {self.name!r}: give the name of one `input`, or of several `inputs`. "
                f"Received: input={input!r}, inputs={list(inputs)!r}"
            )
        if input is not None:
            return self._tensor(input)
        mode, rest = merging["merge_mode"], {key: merging[key] for key in ("concat_axis", "dot_axes")}
        return Merge(mode=mode, **rest, name=name)([self._tensor(item) for item in inputs])

    def _note(self, kind: str, **described: Any) -> None:
        self._described[kind].append({key: value for key, value in described.items() if value is not None})

    def _refresh(self) -> None:
        if self._ends:
            self._set_network(Network(list(self._starts.values()), list(self._ends.values()), self.name))

    def compile(
        self, optimizer: Any, loss: Any, metrics: Any = (), sample_weight_modes: Any = None, **kwargs: Any
    ) -> None:
        """Choose optimizer, loss (a dict by output) and metrics, as `Model.compile` does."""
        if sample_weight_modes is not None:
            kwargs["sample_weight_mode"] = sample_weight_modes
        super().compile(optimizer, loss, metrics=list(metrics), **kwargs)

    def _arrays(self, data: Any, names: Mapping[str, Any], kind: str) -> list[Any]:
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(
                f"Model {self.name!r} needs an array for each {kind} in the dict of data. Missing: {missing}; "
                f"received: {sorted(data)}"
            )
        return [data[name] for name in names]

    def _split(self, data: Any) -> Any:
        """Return inputs, targets and weights from a dict, or from a tuple of it and of weights; None stays None."""
        if data is None:
            return None
        if isinstance(data, Iterator):
            return map(self._split, data)
        data, *weights = data if isinstance(data, tuple) else (data,)
        return self._arrays(data, self._starts, "input"), self._arrays(data, self._ends, "output"), *weights

    def _named(self, outputs: Any) -> dict[str, Any]:
        return dict(zip(self._ends, outputs if isinstance(outputs, list) else [outputs], strict=True))

    def fit(self, data: Any = None, *args: Any, validation_data: Any = None, **kwargs: Any) -> Any:
        """Train on a dict of arrays for inputs and outputs; the other arguments are those of `Model.fit` behind `y`."""
        if "x" in kwargs:
            # From `fit_generator`.
            return super().fit(validation_data=validation_data, **kwargs)
        return super().fit(*self._split(data), *args, validation_data=self._split(validation_data), **kwargs)

    def evaluate(self, data: Any = None, batch_size: int = _EVALUATED_AT_ONCE, verbose: int = 0, **kwargs: Any) -> Any:
        """Return loss and metrics for a dict of arrays."""
        if "x" in kwargs:
            return super().evaluate(verbose=verbose, **kwargs)
        return super().evaluate(*self._split(data), batch_size=batch_size, verbose=verbose, **kwargs)

    def predict(self, data: Any = None, batch_size: int = _EVALUATED_AT_ONCE, verbose: int = 0, **kwargs: Any) -> Any:
        """Return a dict of the outputs for a dict of arrays."""
        if "x" not in kwargs:
            kwargs.update(x=self._arrays(data, self._starts, "input"), batch_size=batch_size)
        return self._named(super().predict(verbose=verbose, **kwargs))

    def train_on_batch(self, data: Any, class_weight: Any = None, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Take one step on a dict of arrays."""
        x, y = self._split(data)
        return super().train_on_batch(x, y, class_weight=class_weight, sample_weight=sample_weight, **kwargs)

    def test_on_batch(self, data: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Return loss and metrics for one batch, a dict of arrays."""
        return super().test_on_batch(*self._split(data), sample_weight=sample_weight, **kwargs)

    def predict_on_batch(self, data: Any) -> Any:
        """Return a dict of the outputs for one batch, a dict of arrays."""
        return self._named(super().predict_on_batch(self._arrays(data, self._starts, "input")))

    def fit_generator(self, generator: Any, *args: Any, validation_data: Any = None, **kwargs: Any) -> Any:
        """Train on dicts, or tuples of such and of weights, from a generator."""
        checked = self._split(validation_data)
        return super().fit_generator(self._split(iter(generator)), *args, validation_data=checked, **kwargs)

    def evaluate_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """Return loss and metrics for dicts from a generator."""
        return super().evaluate_generator(self._split(iter(generator)), *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return what was added, as plain data in the form of Keras 1.0."""
        nodes = {name: functional_config.serialize_layer(layer) for name, layer in self._nodes.items()}
        return {"name": self.name, **copy.deepcopy(self._described), "nodes": nodes}

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a model from what `get_config` returned."""
        with reading_config(f"the Graph model {config.get('name')!r}"):
            graph = cls(name=config.get("name"))
            for given in config["input_config"]:
                graph.add_input(**given)
            for given in config["node_config"]:
                layer = functional_config.deserialize_layer(config["nodes"][given["name"]], custom_objects)
                # Outputs have a list of their own; Keras describes the layers of shared nodes twice.
                given = {key: value for key, value in given.items() if key not in ("create_output", "layer")}
                (graph.add_shared_node if "outputs" in given else graph.add_node)(layer, **given)
            for given in config["output_config"]:
                graph.add_output(**given)
        return graph
