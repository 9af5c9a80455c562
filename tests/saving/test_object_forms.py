"""Objects as plain data, compared with what real Keras 2.15 and 3.15 wrote of theirs."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config, registry

GOLDEN = Path(__file__).parents[1] / "golden"
VERSIONS = {"3": "saving_objects_keras3151.json", "tf": "saving_objects_keras2150.json"}
FORMS = {dialect: json.loads((GOLDEN / name).read_text(encoding="utf-8")) for dialect, name in VERSIONS.items()}
# What one side writes and the other leaves out, in either case with its default.
QUIET = {
    *("activity_regularizer", "antialias", "axis", "data_format", "delta", "dilation_rate", "fill_mode", "fill_value"),
    *("fn", "gain", "gradient_accumulation_steps", "groups", "implementation", "input_axes", "input_length"),
    *("is_legacy_optimizer", "jit_compile", "kernel_constraint", "kernel_initializer", "kernel_regularizer"),
    *("loss_scale_factor", "noise_shape", "oov_method", "optional", "output_axes", "pad_to_aspect_ratio"),
    *("quantization_config", "renorm", "renorm_clipping", "renorm_momentum", "rms_scaling", "salt", "seed", "shape"),
    *("sliding_window", "sparse", "synchronized", "time_major", "trainable", "use_gate", "value_range"),
    "zero_output_for_mask",
}
# Keras's own spelling of what means the same: (class, key).
RESPELT = {
    *(("Bidirectional", "layer"), ("Bidirectional", "backward_layer"), ("InputLayer", "batch_input_shape")),
    *(("BatchNormalization", "axis"), ("RandomContrast", "factor"), ("RandomRotation", "factor")),
    *(("RandomShear", "x_factor"), ("RandomShear", "y_factor")),
}


def read(item: Any) -> Any:
    """Return a golden value with its tuples."""
    if isinstance(item, dict):
        if set(item) == {"tuple"}:
            return tuple(read(part) for part in item["tuple"])
        return {key: read(part) for key, part in item.items()}
    return [read(part) for part in item] if isinstance(item, list) else item


def differences(theirs: Any, ours: Any, owner: str = "", key: str = "") -> list[str]:
    """Return where two forms differ, but for `QUIET` and `RESPELT` keys."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if theirs.get("class_name") == "DTypePolicy":
            return differences(theirs["config"]["name"], ours.get("config", ours), owner, key)
        name = theirs.get("class_name", owner)
        found = []
        for part in sorted(theirs.keys() | ours.keys()):
            if part in theirs and part in ours:
                if (name, part) not in RESPELT:
                    found += differences(theirs[part], ours[part], name, part)
            elif part not in QUIET:
                found.append(f"{name}.{part} is on one side only")
        return found
    if isinstance(theirs, dict) and theirs.get("class_name") == "DTypePolicy":
        theirs = theirs["config"]["name"]
    if isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple)) and len(theirs) == len(ours):
        return [text for pair in zip(theirs, ours, strict=True) for text in differences(*pair, owner, key)]
    if theirs == ours or (isinstance(theirs, float) and ours == pytest.approx(theirs, rel=1e-6)):
        return []
    if (key, theirs, ours) == ("reduction", "auto", "sum_over_batch_size"):
        return []
    # Keras 2.15, and Keras 3 on torch, give the optimizers paths of their own, which no other Keras finds.
    if key in ("module", "registered_name") and isinstance(theirs, str) and ours in ("keras.optimizers", None):
        return []
    return [f"{owner}.{key}: {theirs!r} {ours!r}"]


@pytest.mark.parametrize("dialect", VERSIONS)
def test_every_object_of_keras_is_read_and_written_as_keras_wrote_it(dialect: str) -> None:
    wrong = []
    with config.dialect_scope(dialect):
        for name, entry in FORMS[dialect]["objects"].items():
            form = read(entry["form"])
            made = keras.saving.deserialize_keras_object(form)
            wrong += [f"{name}: {text}" for text in differences(form, keras.saving.serialize_keras_object(made))]
    assert wrong == []


@pytest.mark.parametrize("dialect", VERSIONS)
def test_every_family_has_the_form_of_keras(dialect: str) -> None:
    families = {name: getattr(keras, name) for name in ("layers", "losses", "metrics", "optimizers", "activations")}
    families |= {name: getattr(keras, name) for name in ("initializers", "regularizers", "constraints")}
    families["optimizers.schedules"] = keras.optimizers.schedules
    wrong = []
    with config.dialect_scope(dialect):
        for name, entry in FORMS[dialect]["objects"].items():
            family, _, own = name.rpartition(".")
            form = read(entry.get("family_form", entry["form"]))
            made = families[family].deserialize(form)
            assert own.startswith(getattr(made, "__name__", type(made).__name__)[:3]) or own in ("MSE", "silu"), name
            wrong += [f"{name}: {text}" for text in differences(form, families[family].serialize(made))]
    assert wrong == []


@pytest.mark.parametrize("dialect", VERSIONS)
def test_plain_values_have_the_form_of_keras_and_come_back(dialect: str) -> None:
    values: dict[str, Any] = {
        "none": None,
        "number": 3,
        "list": [1, "a", 2.5],
        "tuple": (1, (2, 3)),
        "dict": {"a": (1,), "b": {"c": None}},
        "array": np.array([[1.0, 2.0]], "float32"),
        "integers": np.arange(3),
        "scalar": np.float32(0.5),
        "zero_dimensional": np.array(2),
        "bytes": b"abc",
        "slice": slice(1, None, 2),
        "ellipsis": ...,
        "tensor": torch.tensor([1.0, 2.0]),
        "symbolic": keras.Input((3,), name="symbolic"),
    }
    with config.dialect_scope(dialect):
        for name, theirs in FORMS[dialect]["values"].items():
            ours = keras.saving.serialize_keras_object(values[name])
            assert ours == read(theirs), name
            assert type(ours) is type(read(theirs)), name
            again = keras.saving.deserialize_keras_object(ours)
            if name not in ("symbolic", "tuple", "dict"):
                np.testing.assert_equal(np.asarray(again), np.asarray(values[name]))
    assert keras.saving.deserialize_keras_object({"class_name": "__tuple__", "items": [1, 2]}) == (1, 2)
    assert keras.saving.serialize_keras_object(torch.float16) == "float16"
    symbolic = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(values["symbolic"]))
    assert symbolic.shape == (None, 3)


class Scale(keras.layers.Layer):
    """A layer of a user, who writes `get_config`."""

    def __init__(self, factor: Any, inner: Any = None, function: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor, self.inner, self.function = factor, inner, function

    def build(self, input_shape: Any) -> None:
        self.weight = self.add_weight(shape=(input_shape[-1],), name="weight")

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor * self.weight

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "inner": self.inner, "function": self.function}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        for key in ("factor", "inner", "function"):
            config[key] = keras.saving.deserialize_keras_object(config[key])
        return cls(**config)


def double(x: Any) -> Any:
    return 2 * x


def test_a_custom_object_holds_objects_functions_and_arrays_in_its_config() -> None:
    layer = Scale(np.ones(3), inner=Scale(2.0, inner=keras.layers.Dense(2)), function=double, name="outer")
    form = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert form["registered_name"] == "Scale" and form["class_name"] == "Scale" and form["module"] == __name__
    assert form["config"]["inner"]["config"]["inner"]["module"] == "keras.layers"
    again = keras.saving.deserialize_keras_object(form, custom_objects={"Scale": Scale, "double": double})
    assert isinstance(again.inner.inner, keras.layers.Dense) and again.function is double
    np.testing.assert_array_equal(again.factor, np.ones(3))
    with keras.saving.custom_object_scope({"Scale": Scale, "double": double}):
        assert isinstance(keras.layers.deserialize(form).inner, Scale)
    with pytest.raises(TypeError, match="Unknown layer: 'Scale'.*custom_objects"):
        keras.saving.deserialize_keras_object(form)


def test_what_a_layer_was_built_for_is_written_and_built_again() -> None:
    layer = Scale(1.0)
    layer.build((None, 5))
    layer.built = True
    built = Scale(1.0)
    built(torch.ones(2, 5))
    form = keras.saving.serialize_keras_object(built)
    assert form["build_config"] == {"input_shape": (2, 5)}
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(form)), {"Scale": Scale})
    assert again.built and tuple(again.weight.shape) == (5,)


def test_lambdas_are_written_as_bytecode_and_refused_unless_the_call_allows_it() -> None:
    form = json.loads(json.dumps(keras.saving.serialize_keras_object(lambda x: x + 7)))
    assert form["class_name"] == "__lambda__"
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.deserialize_keras_object(form)
    assert keras.saving.deserialize_keras_object(form, safe_mode=False)(1) == 8


def test_the_safe_mode_of_a_load_call_rules_over_those_inside() -> None:
    class Sly(keras.layers.Layer):
        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            config.pop("function", None)
            keras.saving.deserialize_keras_object(dict(stored), safe_mode=False)
            return cls(**config)

    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(lambda x: x)))
    form = {"module": None, "class_name": "Sly", "config": {}, "registered_name": "Sly"}
    with pytest.raises(ValueError, match="bytecode"):
        keras.saving.deserialize_keras_object(form, {"Sly": Sly})
    assert isinstance(keras.saving.deserialize_keras_object(form, {"Sly": Sly}, safe_mode=False), Sly)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ({"class_name": "Dense", "config": "units"}, "must be a dict"),
        ({"class_name": "function", "config": 3, "module": "builtins"}, "must be its name"),
        ({"class_name": "function", "config": "system", "module": "os"}, "Could not locate the function 'system'"),
        ({"class_name": "Popen", "config": {}, "module": "subprocess"}, "Unknown layer: 'Popen'"),
        ({"class_name": "load_model", "config": {}, "module": "keras.models"}, "Unknown layer"),
        ({"class_name": "__numpy__", "config": {"value": [1]}}, "Could not parse"),
        ({"class_name": "__tensor__", "config": None}, "Could not parse"),
        ({"class_name": "__lambda__", "config": {"value": 3}}, "bytecode"),
        ({"class_name": "Dense", "config": {"size": 3}, "module": "keras.layers"}, "Dense could not be made"),
        (object(), "Could not parse"),
    ],
)
def test_what_is_no_config_is_a_type_error(bad: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        keras.saving.deserialize_keras_object(bad)


def test_what_has_no_config_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="get_config"):
        keras.saving.serialize_keras_object(object())
    with pytest.raises(ValueError, match="get_config"):
        keras.utils.legacy.serialize_keras_object(object())


def test_shared_objects_stay_one_object_inside_a_sharing_scope() -> None:
    layer = keras.layers.Dense(2)
    with registry.sharing_scope():
        form = registry.marked_if_shared(keras.saving.serialize_keras_object([layer, layer, keras.layers.Dense(2)]))
    assert form[0]["shared_object_id"] == form[1]["shared_object_id"] and "shared_object_id" not in form[2]
    with registry.sharing_scope():
        first, second, other = keras.saving.deserialize_keras_object(json.loads(json.dumps(form)))
    assert first is second and other is not first


def test_module_objects_give_what_the_name_means() -> None:
    found = keras.saving.deserialize_keras_object("Scale", module_objects={"Scale": Scale, "double": double})
    assert found is Scale
    assert keras.saving.deserialize_keras_object("nothing", module_objects={}) == "nothing"
    with pytest.raises(ValueError, match="Unknown thing: 'nothing'"):
        keras.utils.deserialize_keras_object("nothing", module_objects={}, printable_module_name="thing")


def test_multi_backend_keras_has_the_short_form() -> None:
    with config.dialect_scope("2"):
        form = keras.utils.serialize_keras_object(keras.layers.Dense(2, name="a"))
        assert sorted(form) == ["class_name", "config"]
        assert sorted(form["config"]["kernel_initializer"]) == ["class_name", "config"]
        assert keras.utils.deserialize_keras_object(form, keras.layers.__dict__, None, "layer").units == 2
        assert keras.utils.deserialize_keras_object("Dense", {"Dense": keras.layers.Dense}) is keras.layers.Dense
        assert keras.losses.serialize(keras.losses.mean_squared_error) == "mean_squared_error"
    short = keras.utils.legacy.serialize_keras_object(keras.layers.Dense(2, name="a"))
    assert sorted(short) == ["class_name", "config"]
    assert keras.utils.legacy.deserialize_keras_object(short).units == 2


def test_scopes_nest_and_end_and_stay_out_of_the_global_table_and_of_other_threads() -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.append(registry.get_registered_object("a"))

    with keras.saving.custom_object_scope({"a": 1}):
        with keras.saving.CustomObjectScope({"b": 2}):
            assert registry.get_registered_object("a") == 1 and registry.get_registered_object("b") == 2
        assert registry.get_registered_object("b") is None
        assert "a" not in keras.saving.get_custom_objects()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [None] and registry.get_registered_object("a") is None
    with config.dialect_scope("2"):
        with keras.utils.CustomObjectScope({"a": 1}, {"b": 2}):
            assert keras.utils.get_custom_objects()["b"] == 2
        assert "a" not in keras.utils.get_custom_objects()
    with pytest.raises(TypeError, match="must be a dict"):
        keras.saving.custom_object_scope("Scale")


def test_registering_needs_a_config_and_may_happen_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.custom, "_registered_names", {})

    class Bare:
        pass

    with pytest.raises(ValueError, match="Cannot register a class that does not have a get_config"):
        keras.saving.register_keras_serializable()(Bare)
    register = keras.saving.register_keras_serializable("mine", "scale")
    assert register(Scale) is Scale
    assert keras.saving.get_registered_name(Scale) == "mine>scale"
    assert keras.saving.get_registered_object("mine>scale") is Scale
    assert keras.saving.get_registered_object("other", None, {"other": 3}) == 3
    assert keras.saving.get_registered_name(double) == "double"
    register(Scale)
    with config.dialect_scope("tf"):
        register(Scale)
    form = keras.layers.serialize(Scale(2.0))
    assert (form["class_name"], form["registered_name"]) == ("Scale", "mine>scale")
    assert isinstance(keras.layers.deserialize(form), Scale)


def test_a_layer_as_activation_comes_back() -> None:
    leaky = keras.layers.LeakyReLU(negative_slope=0.15, name="mine")
    again = keras.layers.deserialize(json.loads(json.dumps(keras.layers.serialize(keras.layers.Dense(2, leaky)))))
    assert isinstance(again.activation, keras.layers.LeakyReLU)
    assert (again.activation.name, again.activation.negative_slope) == ("mine", 0.15)


def test_a_registered_function_is_found_without_its_package_as_keras_3_6_wrote_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry.custom, "_registered_names", {})
    keras.saving.register_keras_serializable("mine")(double)
    for name in ("double", "mine>double"):
        form = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
        assert keras.saving.deserialize_keras_object(form) is double
        assert keras.losses.deserialize(form) is double


@pytest.mark.parametrize("name", ["builtins.eval", "subprocess.Popen", "mine>Dense"])
def test_a_class_of_keras_has_no_registered_name(name: str) -> None:
    form = {"class_name": "Dense", "module": "keras.layers", "registered_name": name, "config": {"units": 1}}
    with pytest.raises(ValueError, match="resolved to a Keras built-in|Unknown layer: 'mine>Dense'"):
        keras.saving.deserialize_keras_object(form)


@pytest.mark.parametrize(
    ("family", "item"),
    [
        (keras.losses, keras.losses.Huber(delta=2.0)),
        (keras.metrics, keras.metrics.AUC(name="area")),
        (keras.initializers, keras.initializers.HeNormal(seed=3)),
        (keras.regularizers, keras.regularizers.L2(0.5)),
        (keras.constraints, keras.constraints.MaxNorm(3.0)),
        (keras.layers, keras.layers.Dense(2, name="a")),
    ],
    ids=lambda item: type(item).__name__,
)
def test_families_write_the_older_form_if_asked_for(family: Any, item: Any) -> None:
    short = family.serialize(item, use_legacy_format=True)
    assert sorted(short) == ["class_name", "config"]
    again = family.deserialize(short, use_legacy_format=True)
    assert type(again) is type(item) and again.get_config() == item.get_config()
