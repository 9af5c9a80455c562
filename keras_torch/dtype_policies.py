"""Dtype policies: the classes, finding one by name or config, and a map from layers' paths to policies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from keras_torch import registry
from keras_torch.config import DTypePolicy, FloatDTypePolicy, as_policy, quantized
from keras_torch.errors import NeedsAnotherBackend

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "get",
    "serialize",
]


class QuantizedDTypePolicy(NeedsAnotherBackend):
    """Keras 3's policy of quantized layers. Raises: torch quantizes modules, not layers by policy."""

    def __init__(self, mode: Any = None, source_name: str | None = None, **kwargs: Any) -> None:
        raise NotImplementedError(f"`{type(self).__name__}` needs Keras's quantized layers. {quantized(mode)}")


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Keras 3's policy of layers in float8. Raises."""


class Int4DTypePolicy(QuantizedDTypePolicy):
    """Keras 3's policy of layers in int4. Raises."""


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """Keras 3's policy of layers quantized by GPTQ. Raises."""


class AWQDTypePolicy(QuantizedDTypePolicy):
    """Keras 3's policy of layers quantized by AWQ. Raises."""


class DTypePolicyMap(DTypePolicy):
    """Policies by the paths of layers, exact or as regular expressions for whole paths; the others have the default.

    A layer that gets the map as its `dtype` takes the policy of its path. ValueError for a path that two expressions
    fit, and for a key that is set twice.
    """

    def __init__(self, default_policy: Any = None, policy_map: Mapping[str, Any] | None = None) -> None:
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError(f"`default_policy` of DTypePolicyMap must be no map itself. Received: {default_policy!r}")
        if policy_map is not None and not isinstance(policy_map, Mapping):
            raise TypeError(
                f"`policy_map` must be a dict of paths and policies. Received: {policy_map!r} of type "
                f"{type(policy_map).__name__}"
            )
        self._default = None if default_policy is None else get(default_policy)
        self._policies: dict[str, Any] = {key: get(policy) for key, policy in (policy_map or {}).items()}

    @property
    def default_policy(self) -> Any:
        """The policy of layers that no key fits; the global one unless given."""
        return get(self._default)

    @property
    def name(self) -> str:
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self) -> str:
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.default_policy.variable_dtype

    def __getitem__(self, key: str) -> Any:
        if key in self._policies:
            return self._policies[key]
        fitting = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(fitting) > 1:
            raise ValueError(f"A path must match one key of a DTypePolicyMap. Received: {key!r}, matched by {fitting}")
        return self._policies[fitting[0]] if fitting else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._policies:
            raise ValueError(f"DTypePolicyMap: {key!r} is set already, to {self._policies[key]!r}. Delete it first.")
        self._policies[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicyMap) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(self.name)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal map."""
        return {
            "default_policy": None if self._default is None else serialize(self._default),
            "policy_map": {key: serialize(policy) for key, policy in self._policies.items()},
        }

    def __repr__(self) -> str:
        mapping = {key: policy.name for key, policy in self._policies.items()}
        return f"<DTypePolicyMap default_policy={self.default_policy.name} mapping={mapping}>"


registry.dtype_policies.add([DTypePolicy, FloatDTypePolicy, DTypePolicyMap])
registry.dtype_policies.add(
    [QuantizedDTypePolicy, QuantizedFloat8DTypePolicy, Int4DTypePolicy, GPTQDTypePolicy, AWQDTypePolicy]
)
# What tf.keras called DTypePolicy; PolicyV1 until 2.6.
registry.dtype_policies.add({"Policy": DTypePolicy, "PolicyV1": DTypePolicy})


def get(identifier: Any) -> Any:
    """Return the policy for a policy, a name, a config or a dtype; None is the global one. ValueError for others."""
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return as_policy(identifier)


def serialize(dtype_policy: Any) -> dict[str, Any]:
    """Return `{"class_name", "config"}` of a policy."""
    found = registry.dtype_policies.serialize(dtype_policy)
    if not isinstance(found, Mapping):
        raise ValueError(f"`dtype_policy` must be a DTypePolicy. Received: {dtype_policy!r}")
    return dict(found)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a policy from what `serialize` returned, here or in any Keras. ValueError for anything else."""
    found = registry.dtype_policies.get(config, custom_objects)
    if not hasattr(found, "compute_dtype"):
        raise ValueError(f"`config` must be the serialized form of a dtype policy. Received: {config!r}")
    return found
