"""Which hooks are called when, with which logs, against traces of real Keras 2.15 and 3.15."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("callback_event_cases", ROOT / "scripts/golden/callback_event_cases.py")
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
TRACES = {
    dialect: json.loads((ROOT / f"tests/golden/callback_events_keras{version}.json").read_text())["traces"]
    for dialect, version in (("tf", "2150"), ("3", "3151"))
}


@pytest.mark.parametrize(
    ("dialect", "name"), [(dialect, name) for dialect, traces in TRACES.items() for name in traces]
)
def test_hooks_indices_and_logs_are_those_of_real_keras(dialect, name):
    with config.dialect_scope(dialect):
        mine = cases.play(keras, np, **cases.CASES[name])
    wanted = TRACES[dialect][name]
    assert [event[:2] for event in mine["events"]] == [event[:2] for event in wanted["events"]]
    for (hook, index, logs), (_, _, expected) in zip(mine["events"], wanted["events"], strict=True):
        numbers = {name: value for name, value in expected.items() if not isinstance(value, str)}
        assert {name: logs[name] for name in numbers} == pytest.approx(numbers, rel=1e-4), (hook, index)
        assert {**logs, **numbers} == expected, (hook, index)
    assert mine["history"] == wanted["history"]
