"""What all applications share: their arguments, the image at the bottom, the classifier on top, and the weights."""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from keras_torch import backend, config, layers, models, utils
from keras_torch.applications import imagenet_utils
from keras_torch.applications.weight_files import WeightFiles
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor, get_source_inputs

# What most call the layers of `pooling`.
POOLING_NAMES: tuple[str | None, str | None] = ("avg_pool", "max_pool")
# The order of arguments that most have.
STANDARD = ("include_top", "weights", "input_tensor", "input_shape", "pooling", "classes", "classifier_activation")

_DEFAULTS: dict[str, Any] = {
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "input_shape": None,
    "pooling": None,
    "classes": 1000,
    "classifier_activation": "softmax",
    "include_preprocessing": True,
    "name": None,
}
_ANNOTATIONS: dict[str, str] = {
    "include_top": "bool",
    "weights": "str | os.PathLike[str] | None",
    "input_tensor": "KerasTensor | None",
    "input_shape": "tuple[int | None, ...] | None",
    "pooling": "str | None",
    "classes": "int",
    "classifier_activation": "str | Callable[..., Any] | None",
    "name": "str | None",
}
# Keras 2.2 let its applications build on the modules of another Keras; these can be on ours alone.
_MODULES = {"backend": backend, "layers": layers, "models": models, "utils": utils}

_DOC = """Return the network {title}.

    With `weights` "imagenet" the official file is loaded, downloaded once; a path loads a file of yours, None leaves
    random values. Without the classifier (`include_top=False`) the output is the last feature map, or with `pooling`
    "avg" or "max" a vector. `input_tensor` takes the place of an image of `input_shape`; `classes` and
    `classifier_activation` shape the classifier, whose logits come with None. Layers and weights have the names, the
    order and the shapes of Keras 2.15. Raises ValueError for sizes the network cannot take.
    {more}{paper}
    """


class Request:
    """What an application was asked for, and the steps that all of them take from it."""

    def __init__(self, title: str, arguments: dict[str, Any]) -> None:
        self.title = title
        self.options = arguments
        self.include_top: bool = arguments["include_top"]
        self.weights: Any = arguments["weights"]
        self.input_tensor: Any = arguments["input_tensor"]
        self.input_shape: Any = arguments["input_shape"]
        self.pooling: str | None = arguments["pooling"]
        self.classes: int = arguments["classes"]
        self.classifier_activation: Any = arguments["classifier_activation"]
        self.name: str | None = arguments["name"]
        # What `weights` may be besides None and a path.
        self.variants: tuple[str, ...] = ("imagenet",)
        self.channel_axis = self.axis()

    def __getitem__(self, name: str) -> Any:
        return self.options[name]

    @staticmethod
    def axis() -> int:
        """The axis of the channels in a batch of images."""
        return 1 if config.image_data_format() == "channels_first" else 3

    @property
    def is_pretrained(self) -> bool:
        """Whether the weights of ImageNet are asked for."""
        return isinstance(self.weights, str) and self.weights in self.variants

    def check(self) -> None:
        """Raise ValueError for weights that do not exist, and for other classes than theirs."""
        if self.pooling not in (None, "avg", "max"):
            raise ValueError(f"{self.title}: `pooling` must be None, 'avg' or 'max'. Received: {self.pooling!r}")
        if self.include_top and self.is_pretrained and self.classes != 1000:
            raise ValueError(
                f"{self.title}: with weights='imagenet' and include_top=True, `classes` must be 1000. "
                f"Received: classes={self.classes}. Pass include_top=False and put your own classifier on top."
            )
        if self.weights is None or self.is_pretrained:
            return
        others = "".join(f", {name!r}" for name in self.variants if name != "imagenet")
        if not isinstance(self.weights, (str, os.PathLike)) or not os.path.exists(self.weights):
            raise ValueError(
                f"{self.title}: `weights` must be None (random values), 'imagenet'{others}, or the path of a file that "
                f"exists. Received: weights={self.weights!r}"
            )

    def start(self, default_size: int, min_size: int = 32) -> KerasTensor:
        """Check the arguments and return the image."""
        self.check()
        self.input_shape = imagenet_utils.obtain_input_shape(
            self.input_shape,
            default_size=default_size,
            min_size=min_size,
            data_format=None,
            require_flatten=self.include_top,
            weights="imagenet" if self.is_pretrained else None,
        )
        return self.image()

    def image(self) -> KerasTensor:
        """Return the image: a new `Input`, or the tensor that was given."""
        if self.input_tensor is None:
            return layers.Input(shape=self.input_shape)
        if getattr(self.input_tensor, "_keras_history", None) is None:
            return layers.Input(tensor=self.input_tensor)
        return self.input_tensor

    def top(self, x: KerasTensor, names: tuple[str | None, str | None] = POOLING_NAMES, **options: Any) -> KerasTensor:
        """Put on the classifier, mean and Dense, or the pooling that was asked for; `options` are the Dense layer's."""
        if not self.include_top:
            return self.pooled(x, names)
        x = layers.GlobalAveragePooling2D(name=names[0])(x)
        return self.classifier(x, **options)

    def classifier(self, x: KerasTensor, **options: Any) -> KerasTensor:
        """Put on the Dense layer that classifies."""
        imagenet_utils.validate_activation(self.classifier_activation, self.weights)
        options.setdefault("name", "predictions")
        return layers.Dense(self.classes, activation=self.classifier_activation, **options)(x)

    def activated(self, x: KerasTensor, name: str) -> KerasTensor:
        """Put on the activation of a classifier that is a convolution."""
        imagenet_utils.validate_activation(self.classifier_activation, self.weights)
        return layers.Activation(self.classifier_activation, name=name)(x)

    def pooled(self, x: KerasTensor, names: tuple[str | None, str | None] = POOLING_NAMES) -> KerasTensor:
        """Pool the last feature map as asked for."""
        if self.pooling == "avg":
            return layers.GlobalAveragePooling2D(name=names[0])(x)
        return layers.GlobalMaxPooling2D(name=names[1])(x) if self.pooling == "max" else x

    def model(self, image: KerasTensor, x: KerasTensor, name: str, files: WeightFiles, file: str) -> Model:
        """Return the model, with the weights that were asked for; `file` is the name of the official one."""
        inputs = image if self.input_tensor is None else get_source_inputs(image)
        model = Model(inputs, x, name=self.name or name)
        if self.is_pretrained:
            model.load_weights(files.fetch(file))
        elif self.weights is not None:
            model.load_weights(os.fspath(self.weights))
        return model


def application(
    title: str,
    network: Callable[..., Model],
    *given: Any,
    order: Iterable[str] = STANDARD,
    paper: str = "",
    more: str = "",
    **defaults: Any,
) -> Callable[..., Model]:
    """Return a function of an application's name whose arguments have this order; more of them come by keyword.

    It calls `network(request, *given)`.
    """
    both, only = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    order = (*order, "name")
    parameters = [
        inspect.Parameter(
            key,
            both if key in order else only,
            default={**_DEFAULTS, **defaults}[key],
            annotation=_ANNOTATIONS.get(key, "Any"),
        )
        for key in (*order, *(key for key in defaults if key not in order))
    ]
    signature = inspect.Signature(parameters, return_annotation="Model")

    def build(*args: Any, **kwargs: Any) -> Model:
        modules = {key: kwargs.pop(key) for key in _MODULES.keys() & kwargs.keys()}
        if "model_name" in kwargs and "name" not in kwargs:
            kwargs["name"] = kwargs.pop("model_name")
        for key, module in modules.items():
            if module is not _MODULES[key]:
                raise ValueError(
                    f"{title}: `{key}` can be `keras.{key}` only. Received: {key}={module!r}. Leave it out."
                )
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{title}: {error}. The arguments are {', '.join(signature.parameters)}.") from None
        bound.apply_defaults()
        return network(Request(title, {**_DEFAULTS, **bound.arguments}), *given)

    build.__name__ = build.__qualname__ = title
    build.__module__ = network.__module__
    build.__doc__ = _DOC.format(
        title=title, paper=f"Paper: {paper}" if paper else "", more=f"{more}\n    " if more else ""
    )
    build.__signature__ = signature  # type: ignore[attr-defined]
    return build


def channels_last(network: Callable[..., Model]) -> Callable[..., Model]:
    """Let a network that knows no other data format be built with the channels last, and warn where they are not."""

    @functools.wraps(network)
    def build(request: Request, *given: Any) -> Model:
        if config.image_data_format() == "channels_last":
            return network(request, *given)
        warnings.warn(
            f"{request.title} is made for images with the channels last, whatever `keras.json` and "
            "`set_image_data_format` say.",
            stacklevel=3,
        )
        config.set_image_data_format("channels_last")
        try:
            request.channel_axis = request.axis()
            return network(request, *given)
        finally:
            config.set_image_data_format("channels_first")

    return build
