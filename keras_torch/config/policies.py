"""Dtype policies: which types a layer's weights and its computation have, for one layer or for all."""

from __future__ import annotations

from typing import Any

from keras_torch.config.settings import _load, dtype_name, floatx

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_QUANTIZED = ("int8", "int4", "float8", "gptq", "awq")


class DTypePolicy:
    """The types of a layer's weights (`variable_dtype`) and of its computation (`compute_dtype`).

    A name of a dtype stands for both; "mixed_float16" and "mixed_bfloat16" compute in half precision with float32
    weights. None is the global policy. TypeError unless the name is a text, ValueError unless it is known.
    """

    quantization_mode: str | None = None

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(
                f"`name` of {type(self).__name__} must be a text, such as 'mixed_float16'. "
                f"Received: {name!r} of type {type(name).__name__}"
            )
        self._name = name
        self._variable_dtype = "float32" if name in _MIXED else _plain_dtype(name, type(self).__name__)
        self._compute_dtype = _MIXED.get(name, self._variable_dtype)

    @property
    def name(self) -> str:
        """The name, which determines the types."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """Name of the dtype of the computation."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Name of the dtype of the weights."""
        return self._variable_dtype

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a policy from what `get_config` returned, that of older Keras with a `loss_scale` included."""
        return cls(**{key: value for key, value in config.items() if key != "loss_scale"})

    def __eq__(self, other: object) -> bool:
        plain = (DTypePolicy, FloatDTypePolicy)
        same_kind = type(other) in plain if type(self) in plain else type(other) is type(self)
        return same_kind and self.name == other.name  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        shown = "DTypePolicy" if type(self) is FloatDTypePolicy else type(self).__name__
        return f'<{shown} "{self.name}">'


class FloatDTypePolicy(DTypePolicy):
    """Another name of DTypePolicy (Keras 3)."""


def _plain_dtype(name: str, owner: str) -> str:
    if name.startswith(_QUANTIZED) and "_from_" in name:
        raise NotImplementedError(quantized(name))
    try:
        return dtype_name(name)
    except ValueError as error:
        raise ValueError(
            f"`name` of {owner} must be 'mixed_float16', 'mixed_bfloat16' or the name of a dtype, such as 'float32'. "
            f"Received: {name!r}"
        ) from error


def quantized(received: Any) -> str:
    """Return the text of the error about a policy of quantized layers."""
    return (
        "Dtype policies of quantized layers are not supported. Use a float policy, and quantize the torch modules "
        f"inside the model instead, e.g. with `torchao.quantize_(model, ...)`. Received: {received!r}"
    )


def dtype_policy() -> Any:
    """Return the policy of layers that are given no `dtype`: the one set, else the float type `floatx()`."""
    chosen = _load().get("dtype_policy")
    return DTypePolicy(floatx()) if chosen is None else chosen


def has_dtype_policy() -> bool:
    """Return whether a policy was set that layers made without `dtype` take."""
    return _load().get("dtype_policy") is not None


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers made from now on: a policy or its name; None for the float type `floatx()`.

    ValueError for a policy that does not compute in floats.
    """
    if policy is not None:
        policy = as_policy(policy)
        if "float" not in policy.compute_dtype:
            raise ValueError(
                "The global dtype policy must compute in a float type, as 'float32' and 'mixed_float16' do. "
                f"Received: {policy.name!r}"
            )
    _load()["dtype_policy"] = policy


def as_policy(identifier: Any) -> Any:
    """Return the policy for a policy, a name or a dtype; None is the global one. ValueError for anything else."""
    if identifier is None:
        return dtype_policy()
    if hasattr(identifier, "compute_dtype") and hasattr(identifier, "variable_dtype"):
        return identifier
    try:
        return DTypePolicy(identifier if isinstance(identifier, str) else dtype_name(identifier))
    except ValueError as error:
        raise ValueError(
            "`dtype` must be a DTypePolicy, its name, such as 'mixed_float16' or 'float32', its config, or a dtype. "
            f"Received: {identifier!r} of type {type(identifier).__name__}"
        ) from error
