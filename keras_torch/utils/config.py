"""A dict of settings whose entries are attributes too."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from keras_torch.errors import suggest


class Config(MutableMapping[str, Any]):
    """Settings by name, as attributes and as items: `config.rate = 0.1`, `config["rate"]`.

    After `freeze()` a change is a ValueError, until `unfreeze()`. Names are iterated over in alphabetical order.
    """

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_config", kwargs)
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def as_dict(self) -> dict[str, Any]:
        """Return a dict of the settings."""
        return dict(self._config)

    def to_json(self) -> str:
        """Return the settings as JSON."""
        return json.dumps(self._config)

    def __getattr__(self, name: str) -> Any:
        config = object.__getattribute__(self, "_config") if not name.startswith("__") else {}
        if name in config:
            return config[name]
        raise AttributeError(f"Config has no setting {name!r}.{suggest(name, config)}")

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(type(self), name):
            raise AttributeError(f"{name!r} is a method of Config; set it as an item, `config[{name!r}]`.")
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self._config:
            raise AttributeError(f"Config has no setting {name!r}.{suggest(name, self._config)}")
        del self[name]

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._check()
        self._config[key] = value

    def __delitem__(self, key: str) -> None:
        self._check()
        del self._config[key]

    def _check(self) -> None:
        if self._frozen:
            raise ValueError("This Config is frozen, so its settings cannot be changed. Call `unfreeze()` first.")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"

    def __reduce__(self) -> Any:
        return _restored, (self._config, self._frozen)


def _restored(settings: dict[str, Any], frozen: bool) -> Config:
    config = Config(**settings)
    if frozen:
        config.freeze()
    return config
