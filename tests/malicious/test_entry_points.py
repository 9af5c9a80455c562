"""Hostile configs through every way to a model."""

import pytest

from . import entry_points, hostile_configs, watching

# One of each sort, for the ways that lead into the main ones.
SAMPLE = ("bytecode", "bytecode in a wrapper", "a function of a module", "a vocabulary file", "a huge Dense")


@pytest.mark.parametrize("entry", entry_points.MODELS)
def test_what_would_do_harm_is_refused(tmp_path, entry):
    names = hostile_configs.REFUSED if entry in entry_points.MAIN else SAMPLE
    made = []
    for name in names:
        result = attempt(entry, hostile_configs.REFUSED[name], tmp_path)
        if not isinstance(result, Exception):
            made.append(name)
    assert not made or entry in entry_points.LISTS


@pytest.mark.parametrize("entry", ["load_model h5", "model_from_config", "deserialize_keras_object"])
def test_odd_configs_end_in_a_model_or_a_clear_error(tmp_path, entry):
    for config in hostile_configs.ODD.values():
        attempt(entry, config, tmp_path)


def attempt(entry, config, folder):
    return watching.attempt(lambda: entry_points.MODELS[entry](folder, config), folder)
