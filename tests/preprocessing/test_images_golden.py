"""Images under a seed against real Keras 1.2.2, 2.2.4 and 2.15 (scripts/golden/image_values.py)."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from keras_torch import config

pytest.importorskip("PIL")
pytest.importorskip("scipy")
pytest.importorskip("pandas")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))

import image_cases  # noqa: E402

from keras_torch import preprocessing  # noqa: E402

DIALECTS = {"1.2.2": "1", "2.2.4": "2", "2.15.0": "tf"}


def golden(version: str) -> dict[str, np.ndarray]:
    name = f"images_keras{version.replace('.', '')}.npz"
    with np.load(ROOT / "tests" / "golden" / name) as file:
        return dict(file)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    names = {**vars(preprocessing.image), "image_dataset_from_directory": preprocessing.image_dataset_from_directory}
    image = types.SimpleNamespace(**names)
    found = {}
    for version, dialect in DIALECTS.items():
        with config.dialect_scope(dialect):
            found[version] = image_cases.results(image, version, str(tmp_path_factory.mktemp(version)))
    return found


@pytest.mark.parametrize(
    ("version", "name"), [(version, name) for version in DIALECTS for name in sorted(golden(version))]
)
def test_the_same_seed_gives_keras_images(ours: dict[str, dict[str, np.ndarray]], version: str, name: str) -> None:
    expected, found = golden(version)[name], ours[version][name]
    if expected.dtype.kind == "U":
        assert json.loads(str(found)) == json.loads(str(expected))
        return
    assert found.dtype == expected.dtype
    # Sums of large values round even where their result is small.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=max(1e-5, 3e-7 * float(np.abs(expected).max())))


@pytest.mark.parametrize("version", sorted(DIALECTS))
def test_the_cases_are_those_of_the_file(ours: dict[str, dict[str, np.ndarray]], version: str) -> None:
    assert sorted(ours[version]) == sorted(golden(version))
