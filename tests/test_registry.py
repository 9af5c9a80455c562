"""Names and configs become classes and functions."""

from __future__ import annotations

import pytest

from keras_torch import layers, registry


class Dense(layers.Dense):
    """A layer of the user's own with the name of one of Keras's."""


def test_an_unknown_name_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="Unknown layer: 'Densse'.*Did you mean \"Dense\""):
        registry.layers.find("Densse")


@pytest.mark.parametrize("name", ["Dense", "dense", "Custom>Dense", "keras>Dense"])
def test_names_of_keras_give_its_classes(name: str) -> None:
    assert registry.layers.find(name) is layers.Dense


def test_a_registered_name_of_a_user_never_gives_a_class_of_keras() -> None:
    config = {"class_name": "Dense", "registered_name": "mine>Dense", "config": {"units": 2}}
    with pytest.raises(ValueError, match="Unknown layer: 'mine>Dense'"):
        registry.layers.find("mine>Dense")
    with pytest.raises(ValueError, match="Unknown layer: 'mine>Dense'"):
        registry.layers.from_dict(config)
    for key in ("mine>Dense", "Dense"):
        assert type(registry.layers.from_dict(config, {key: Dense})) is Dense


def test_registered_classes_are_found_inside_and_outside_of_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.custom, "_registered_names", {})
    with registry.CustomObjectScope({"Dense": Dense}):
        assert registry.layers.find("Dense") is Dense
    assert registry.layers.find("Dense") is layers.Dense
    registry.register_keras_serializable("mine")(Dense)
    assert registry.layers.find("mine>Dense") is Dense
    assert registry.get_registered_name(Dense) == "mine>Dense"
