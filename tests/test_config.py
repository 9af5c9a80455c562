"""Settings: what stands in keras.json, and what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_torch import config


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `KERAS_HOME`, read anew at the next look at a setting."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(config.settings, "_settings", {})
    return tmp_path / "keras.json"


def test_a_file_sets_the_defaults(home: Path) -> None:
    home.write_text('{"floatx": "float64", "epsilon": 1e-6, "image_data_format": "channels_first", "backend": "x"}')
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float64", 1e-6, "channels_first")


def test_the_ordering_of_keras_1_is_read_too(home: Path) -> None:
    home.write_text('{"image_dim_ordering": "th"}')
    assert config.image_data_format() == "channels_first"


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_a_damaged_file_is_passed_over_with_a_warning(home: Path, text: str) -> None:
    home.write_text(text)
    with pytest.warns(UserWarning, match="keras.json cannot be used"):
        assert config.floatx() == "float32"


def test_a_wrong_value_is_passed_over_with_a_warning(home: Path) -> None:
    home.write_text('{"floatx": "float8", "epsilon": 1e-5}')
    with pytest.warns(UserWarning, match="`floatx` is not valid.*Received: 'float8'"):
        assert config.floatx() == "float32"
    assert config.epsilon() == 1e-5


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="floatx.*Received: 'float8'"):
        config.set_floatx("float8")
    with pytest.raises(ValueError, match="data_format.*Received: 'channels'"):
        config.set_image_data_format("channels")
    with pytest.raises(ValueError, match="dialect.*Received: '4'"):
        config.set_dialect("4")
