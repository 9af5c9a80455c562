"""Any `torch.nn.Module` as a Keras layer."""

from __future__ import annotations

import base64
import copy
import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils import _pytree as pytree

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.engine import Layer
from keras_torch.engine.call import is_shape
from keras_torch.layers.lambda_layer import bytecode_is_allowed


class ModuleText(str):
    """A pickled module in a config, which remembers the module: inside the program nothing is unpickled."""

    module: nn.Module

    def __new__(cls, module: nn.Module) -> ModuleText:
        """Pickle the module as Keras 3 does."""
        buffer = io.BytesIO()
        torch.save(module, buffer)
        made = super().__new__(cls, base64.b64encode(buffer.getvalue()).decode("ascii"))
        made.module = module
        return made

    def __deepcopy__(self, memo: Any) -> ModuleText:
        return self

    def __reduce__(self) -> Any:
        return str, (str(self),)


class TorchModuleWrapper(Layer):
    """Wraps a torch module so that it can be stacked, named, counted and saved as a layer (Keras 3's name).

    Inputs are passed to the module as they are: images keep the axes that the module expects, usually channels first.
    `dtype` casts the module; without it the layer computes in the module's own type. Lazy modules are initialized when
    the input shape is known. While frozen, batch normalizations inside keep their statistics, as Keras's do. A config
    holds the pickled module, which loading refuses unless told otherwise.
    """

    def __init__(self, module: nn.Module, name: str | None = None, output_shape: Any = None, **kwargs: Any) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"`module` must be a torch.nn.Module. Received: {module!r} of type {type(module).__name__}")
        floats = [parameter.dtype for parameter in module.parameters() if parameter.dtype.is_floating_point]
        casts = kwargs.get("dtype") is not None
        if floats and not casts:
            kwargs["dtype"] = settings.dtype_name(floats[0])
        super().__init__(name=name, **kwargs)
        self.module = module.to(settings.default_device())
        if casts:
            self.module.to(settings.torch_dtype(self.variable_dtype))
        self._output_shape = output_shape
        self._knows_output_shape = output_shape is not None
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            self._input_dtype = "int32"

    def build(self, input_shape: Any) -> None:
        """Initialize lazy parameters by running the module on zeros of the input shape."""
        if any(is_lazy(item) for item in (*self.module.parameters(), *self.module.buffers())):
            was_training = self.module.training
            self.module.eval()
            with torch.no_grad():
                self._run_on_zeros(input_shape)
            self.module.train(was_training)
        self.built = True

    def _run_on_zeros(self, input_shape: Any) -> None:
        dtype = settings.torch_dtype(self.compute_dtype)
        make = lambda shape: torch.zeros([2 if size is None else size for size in shape], dtype=dtype)  # noqa: E731
        try:
            self.module(pytree.tree_map(make, input_shape, is_leaf=is_shape))
        except (RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"Layer {self.name!r}: the lazy parameters of {type(self.module).__name__} could not be initialized "
                f"from inputs of shape {input_shape}: {error}. Call the module once on real tensors before wrapping it."
            ) from error

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module."""
        if self._trainable or not self.training:
            return self.module(*args, **kwargs)
        kept = [item for item in self.module.modules() if isinstance(item, nn.modules.batchnorm._NormBase)]
        for item in kept:
            item.training = False
        try:
            return self.module(*args, **kwargs)
        finally:
            for item in kept:
                item.training = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return super().compute_output_shape(input_shape) if self._output_shape is None else self._output_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "module": ModuleText(self.module), "output_shape": self._output_shape}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> TorchModuleWrapper:
        """Rebuild the layer with a copy of the module; `custom_objects` may hold a module under the layer's name."""
        config = dict(config)
        stored, name = config["module"], config.get("name", "torch_module_wrapper")
        stored = registry.known_custom_objects(custom_objects).get(name, stored)
        if isinstance(stored, str) and not isinstance(stored, ModuleText):
            stored = _unpickled(stored, name)
        else:
            # Not the given one: files are first read on trial, with all weights on the meta device.
            stored = copy.deepcopy(stored.module if isinstance(stored, ModuleText) else stored)
        return cls(**{**config, "module": stored})


def _unpickled(text: str, layer: str) -> Any:
    if not bytecode_is_allowed():
        raise ValueError(
            f"Layer {layer!r} holds a pickled torch module, which could do anything and is not loaded. Pass the module "
            f"by the layer's name: `custom_objects={{{layer!r}: module}}`; or, if you trust the file's author, "
            "`safe_mode=False`."
        )
    return torch.load(io.BytesIO(base64.b64decode(text.encode("ascii"))), weights_only=False)
