"""Models as drawings: text in the language of Graphviz, which its program `dot` turns into an image."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_torch import config
from keras_torch.callbacks.output import print_message
from keras_torch.legacy import translated
from keras_torch.symbolic import FunctionOp
from keras_torch.symbolic.node import taken_by
from keras_torch.utils.summary import graph_nodes, is_internal, is_sequential, output_shape, selected_layers

__all__ = ["model_to_dot", "plot", "plot_model"]

# File endings for which the text itself is written.
_TEXT = ("dot", "gv")
_INSTALL = (
    "Install Graphviz (https://graphviz.org/download/), whose program `dot` draws the image, or give `to_file` the "
    "ending .dot for the text alone."
)


@dataclass(frozen=True)
class _Labels:
    """What the box of a layer says, in the look of Keras 2."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool

    def of(self, layer: Any, expanded: bool) -> str:
        name, kind = layer.name, type(layer).__name__
        if isinstance(layer, FunctionOp):
            kind = "Function"
        inner: Any = getattr(layer, "layer", None)
        if hasattr(inner, "name") and not (expanded and _is_graph(inner)):
            name, kind = f"{name}({inner.name})", f"{kind}({type(inner).__name__})"
        label = _escaped(kind)
        if self.activations and getattr(layer, "activation", None) is not None:
            activation = layer.activation
            label = f"{{{label}|{_escaped(getattr(activation, 'name', None) or _name_of(activation))}}}"
        if self.names:
            label = f"{_escaped(name)}|{label}"
        if self.dtype:
            label = f"{label}|{_escaped(getattr(layer, 'dtype', None) or '?')}"
        if self.shapes:
            before, after = map(_escaped, _shapes(layer))
            label = f"{{{label}}}|{{input:|output:}}|{{{{{before}}}|{{{after}}}}}"
        if self.trainable:
            label = f"{'T' if getattr(layer, 'trainable', False) else 'NT'}|{label}"
        return label


def _name_of(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _shapes(part: Any) -> tuple[Any, Any]:
    """Return the shapes that go in and come out; "?" where there are none or several."""
    if isinstance(part, FunctionOp):
        node = part._inbound_nodes[0]
        sides = ([tensor.shape for tensor in tensors] for tensors in (node.taken, node.output_tensors))
        before, after = (side[0] if len(side) == 1 else side for side in sides)
        return before, after
    try:
        shape = part.input_shape
    except (AttributeError, RuntimeError, ValueError):
        shape = None
    return "?" if shape is None else shape, output_shape(part)


def _escaped(text: Any) -> str:
    """Escape what has a meaning in labels of records."""
    return "".join("\\" + character if character in '{}|<>"\\' else character for character in str(text))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_graph(layer: Any) -> bool:
    """Whether a layer is a model whose layers can be drawn."""
    return getattr(layer, "_network", None) is not None and hasattr(layer, "layers")


def _shown(part: Any) -> Any:
    """Return the layer that tf.keras has for a function."""
    return part.layer or part if isinstance(part, FunctionOp) and config.dialect() == "tf" else part


def _parts(model: Any) -> list[Any]:
    """Return the layers and functions of a model, in order."""
    # In dialect tf these come with the layers that stand for functions.
    layers = model.layers
    if is_sequential(model):
        return list(layers)
    inputs = [tensor._keras_history[0] for tensor in model.inputs]
    operations = [node.operation for node in graph_nodes(model)]
    return list({id(part): part for part in (*inputs, *operations)}.values())


@dataclass(frozen=True)
class _Drawing:
    """Writes one model; `path` tells the boxes of a nested one from those of others."""

    model: Any
    labels: _Labels
    expand: bool
    chosen: frozenset[int] | None = None
    path: str = ""

    def box(self, part: Any) -> str:
        return _quoted(self.path + part.name)

    def inside(self, part: Any) -> _Drawing | None:
        """Return the drawing of a nested model, or of the one that a wrapper holds."""
        for model in (part, getattr(part, "layer", None)):
            if self.expand and _is_graph(model):
                return replace(self, model=model, chosen=None, path=f"{self.path}{part.name}/")
        return None

    def has(self, part: Any) -> bool:
        return self.chosen is None or id(_shown(part)) in self.chosen

    def lines(self) -> Iterator[str]:
        if not _is_graph(self.model):
            yield f'{self.box(self.model)} [label="{_escaped(self.model.name)}"];'
            return
        for part in filter(self.has, _parts(self.model)):
            nested = self.inside(part)
            if nested is not None:
                yield from nested.cluster(part.name)
            else:
                yield f'{self.box(part)} [label="{self.labels.of(_shown(part), self.expand)}"];'
        yield from dict.fromkeys(self.edges())

    def cluster(self, name: str) -> Iterator[str]:
        yield f"subgraph {_quoted('cluster_' + self.path + name)} {{"
        yield from (f"  {line}" for line in (f'label="{_escaped(name)}";', 'labeljust="l";', 'style="dashed";'))
        yield from (f"  {line}" for line in self.lines())
        yield "}"

    def edges(self) -> Iterator[str]:
        for source, output, target, place in self._connections():
            if self.has(source) and self.has(target):
                yield f"{self.last(source, output)} -> {self.first(target, place)};"

    def _connections(self) -> Iterator[tuple[Any, int, Any, int]]:
        """Yield (layer, number of its output, layer behind it, number of its input)."""
        if is_sequential(self.model):
            layers = self.model.layers
            yield from ((before, 0, after, 0) for before, after in zip(layers, layers[1:], strict=False))
            return
        for node in graph_nodes(self.model):
            for place, tensor in enumerate(taken_by(node)):
                history = tensor._keras_history
                if history and not is_internal(history[0]):
                    yield history[0], history[2], node.operation, place

    def last(self, part: Any, output: int) -> str:
        """Return the box that makes an output of a layer: deep inside, if that is a model that is drawn."""
        nested = self.inside(part)
        if nested is None:
            return self.box(part)
        if is_sequential(nested.model):
            return nested.last(nested.model.layers[-1], 0)
        source, _, inner = nested.model.outputs[output]._keras_history[:3]
        return nested.last(source, inner)

    def first(self, part: Any, place: int) -> str:
        """Return the box that takes an input of a layer."""
        nested = self.inside(part)
        if nested is None:
            return self.box(part)
        if is_sequential(nested.model):
            return nested.first(nested.model.layers[0], 0)
        inputs = nested.model.inputs
        return nested.first(inputs[min(place, len(inputs) - 1)]._keras_history[0], 0)


class DotText:
    """The drawing of a model as text, where pydot is not installed; the program `dot` makes images of it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def to_string(self) -> str:
        """Return the text."""
        return self._text

    __str__ = to_string

    def create(self, prog: str = "dot", format: str = "ps") -> bytes:
        """Return the image that the program `prog` of Graphviz draws; OSError if it is not installed."""
        found = shutil.which(prog)
        if found is None:
            raise OSError(f"The program {prog!r} was not found. {_INSTALL}")
        command = [found, f"-T{format}"]
        return subprocess.run(command, input=self._text.encode(), stdout=subprocess.PIPE, check=True).stdout

    def write(self, path: str | os.PathLike[str], prog: str = "dot", format: str = "raw") -> bool:
        """Write the text (`format="raw"`, or a path that ends with .dot or .gv) or the image into a file."""
        Path(path).write_bytes(self._text.encode() if format in ("raw", *_TEXT) else self.create(prog, format))
        return True


@translated("model_to_dot")
def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    layer_range: Sequence[str] | None = None,
) -> Any:
    """Return a model as a graph of pydot, or, where pydot is not installed, as text with the same way of writing.

    The arguments are those of `plot_model`; with `subgraph` it is a cluster to be put into another graph.
    ValueError if the model is not built.
    """
    text = _model_text(
        model,
        _Labels(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable),
        expand_nested,
        {"rankdir": rankdir, "concentrate": "true", "dpi": str(dpi), "splines": splines},
        subgraph,
        layer_range,
    )
    try:
        import pydot
    except ImportError:
        return DotText(text)
    graph = pydot.graph_from_dot_data(text)[0]
    return graph.get_subgraphs()[0] if subgraph else graph


def _model_text(
    model: Any,
    labels: _Labels,
    expand: bool,
    settings: dict[str, str],
    subgraph: bool,
    layer_range: Sequence[str] | None,
) -> str:
    if not getattr(model, "built", True):
        raise ValueError(
            f"The model {model.name!r} has no weights yet, so there is nothing to draw. Call `build()`, or call it on "
            "data, first."
        )
    chosen = None if layer_range is None else frozenset(map(id, selected_layers(model.layers, layer_range)))
    drawing = _Drawing(model, labels, expand, chosen)
    lines = [*(f"{name}={_quoted(value)};" for name, value in settings.items()), 'node [shape="record"];']
    lines += drawing.cluster(model.name) if subgraph else drawing.lines()
    return "\n".join(["digraph G {", *(f"  {line}" for line in lines), "}", ""])


@translated("plot_model")
def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    layer_range: Sequence[str] | None = None,
) -> Any:
    """Draw a model into the file `to_file`, whose ending tells the format; .dot is Graphviz's text, written by itself.

    `rankdir` is "TB" or "LR", `expand_nested` draws the layers inside of models, `layer_range` names the first and the
    last layer. Without Graphviz: ImportError; in dialects 1 and 2 a warning, and the text in `to_file` + ".dot", so
    that a script that has trained goes on. In a notebook the image is returned.
    """
    path = os.fspath(to_file)
    graph = _model_text(
        model,
        _Labels(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable),
        expand_nested,
        {"rankdir": rankdir, "concentrate": "true", "dpi": str(dpi), "splines": splines},
        False,
        layer_range,
    )
    file_format = os.path.splitext(path)[1][1:].lower() or "png"
    if file_format not in _TEXT and shutil.which("dot") is None:
        _without_graphviz(path, graph)
        return None
    DotText(graph).write(path, format=file_format)
    if "IPython" in sys.modules and file_format not in ("pdf", *_TEXT):
        from IPython import display

        return display.Image(filename=path)
    return None


def _without_graphviz(path: str, text: str) -> None:
    problem = f"plot_model cannot draw {path!r}: Graphviz was not found."
    if "IPython.core.magics.namespace" in sys.modules:
        print_message(f"{problem} {_INSTALL}")
    elif config.is_classic():
        DotText(text).write(path + ".dot")
        command = f"dot -T{os.path.splitext(path)[1][1:] or 'png'} -o {path} {path}.dot"
        warnings.warn(f"{problem} The text {path + '.dot'!r} was written instead: `{command}`.", stacklevel=4)
    else:
        raise ImportError(f"{problem} {_INSTALL}")


def plot(
    model: Any, to_file: str | os.PathLike[str] = "model.png", show_shapes: bool = False, show_layer_names: bool = True
) -> Any:
    """Keras 1's name of `plot_model`."""
    return plot_model(model, to_file=to_file, show_shapes=show_shapes, show_layer_names=show_layer_names)
