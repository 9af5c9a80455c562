"""Functional, Sequential and subclassed models: structure, sharing, nesting, configs, masks."""

import json

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import Input, Model, Sequential, config, layers
from keras_torch.models import clone_model


def two_in_two_out():
    a, b = Input((8,), name="a"), Input((8,), name="b")
    shared = layers.Dense(4, name="shared")
    x = layers.concatenate([shared(a), shared(b)])
    return Model([a, b], [layers.Dense(2, name="left")(x), layers.Dense(1, name="right")(x)])


def test_inputs_come_as_lists_tuples_or_dicts_in_any_order():
    model = two_in_two_out()
    a, b = torch.rand(3, 8), torch.rand(3, 8)
    expected = model([a, b])
    for given in ((a, b), {"b": b, "a": a}):
        for left, right in zip(model(given), expected, strict=True):
            torch.testing.assert_close(left, right)
    with pytest.raises(ValueError, match=r"missing: \['b'\].*Received: \['a', 'c'\]"):
        model({"a": a, "c": b})
    with pytest.raises(ValueError, match="takes 2 inputs.*Received: 1"):
        model([a])


def test_outputs_keep_the_structure_they_were_given_in():
    x = Input((3,))
    model = Model({"x": x}, {"double": x * 2, "half": x / 2})
    out = model({"x": torch.ones(1, 3)})
    assert set(out) == {"double", "half"}
    torch.testing.assert_close(out["half"], torch.full((1, 3), 0.5))


@pytest.mark.parametrize("dialect", ["tf", "3"])
def test_lists_stand_for_dicts_in_the_order_of_the_keys(dialect):
    with config.dialect_scope(dialect):
        first, second = Input((2,), name="z"), Input((2,), name="a")
        model = Model({"z": first, "a": second}, layers.Subtract()([first, second]))
        assert model.input_names == ["a", "z"]
        np.testing.assert_array_equal(model.predict([np.ones((1, 2)), np.zeros((1, 2))], verbose=0), [[-1, -1]])
        x = Input((2,), name="x")
        model = Model(x, {"z": layers.Dense(1, name="z")(x), "a": layers.Dense(1, name="a")(x)})
        model.compile("sgd", ["mse", "mae"] if dialect == "3" else {"z": "mae", "a": "mse"})
        model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
        logs = model.evaluate(np.ones((1, 2)), {"z": np.full((1, 1), 3.0), "a": np.full((1, 1), 3.0)}, return_dict=True)
        assert (logs["a_loss"], logs["z_loss"]) == (9, 3)
        assert list(model.predict(np.ones((1, 2)), verbose=0)) == (["a", "z"] if dialect == "3" else ["z", "a"])


def test_structures_within_structures_are_read_and_written(tmp_path):
    a, b = Input((3,)), Input((4,))
    left, right = layers.Dense(2)(a), layers.Dense(1)(b)
    model = Model({"x": a, "more": [b]}, {"left": left, "more": {"right": right}})
    data = {"x": np.ones((1, 3)), "more": [np.ones((1, 4))]}
    expected = model.predict(data, verbose=0)
    model.save(tmp_path / "nested.keras")
    found = keras.saving.load_model(tmp_path / "nested.keras").predict(data, verbose=0)
    np.testing.assert_array_equal(found["more"]["right"], expected["more"]["right"])
    model = Model([{"x": a}, b], (left, (right,)))
    data = [{"x": np.ones((1, 3))}, np.ones((1, 4))]
    assert json.loads(model.to_json())["config"]["output_layers"][1] == [["dense_1", 0, 0]]
    for copied in (model, Model.from_config(model.get_config())):
        left, (right,) = copied(data)
        assert isinstance(copied.output, tuple) and left.shape == (1, 2) and right.shape == (1, 1)


def test_a_wrong_shape_names_the_input_and_both_shapes():
    model = two_in_two_out()
    with pytest.raises(ValueError, match=r"Input 1 \('b'\).*must have the shape \(None, 8\). Received: \(3, 7\)"):
        model([torch.ones(3, 8), torch.ones(3, 7)])


def test_layers_are_listed_by_depth_as_keras_lists_them():
    model = two_in_two_out()
    assert [layer.name for layer in model.layers][:3] == ["a", "b", "shared"]
    assert [layer.name for layer in model.layers][-2:] == ["left", "right"]
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["left", "right"]
    assert model.get_layer("left") is model.layers[-2]
    with pytest.raises(ValueError, match='No such layer.*Did you mean "shared"'):
        model.get_layer("shard")


def test_features_are_extracted_between_inner_tensors():
    model = two_in_two_out()
    inner = model.get_layer("shared").get_output_at(0)
    head = Model(model.inputs, model.get_layer("left").output)
    assert "right" not in [layer.name for layer in head.layers]
    front = Model(model.inputs[0], inner)
    x = torch.rand(2, 8)
    torch.testing.assert_close(front(x), model.get_layer("shared")(x))
    back = Model(inner, layers.Dense(3, name="tail")(inner))
    y = torch.rand(2, 4)
    torch.testing.assert_close(back(y), back.get_layer("tail")(y))


@pytest.mark.parametrize("round_trip", ["config", "json", "clone"])
def test_a_model_comes_back_from_its_description(round_trip):
    model = two_in_two_out()
    if round_trip == "config":
        twin = Model.from_config(model.get_config())
    elif round_trip == "json":
        twin = Model.from_config(json.loads(model.to_json())["config"])
    else:
        twin = clone_model(model)
    assert [layer.name for layer in twin.layers if layer.weights] == ["shared", "left", "right"]
    twin.set_weights(model.get_weights())
    data = [torch.rand(3, 8), torch.rand(3, 8)]
    for left, right in zip(twin(data), model(data), strict=True):
        torch.testing.assert_close(left, right)


def test_recorded_torch_functions_come_back_from_a_config_and_nothing_else_does():
    x = Input((6,), name="x")
    y = torch.sinc(torch.cat([x[:, 1:3], torch.relu(x).view(-1, 2, 3).sum(1)], dim=-1))
    model = Model(x, y)
    with pytest.warns(UserWarning, match="only keras_torch can: it has no counterpart of `torch.sinc`"):
        config = json.loads(model.to_json())["config"]
    twin = Model.from_config(config)
    data = torch.randn(4, 6)
    torch.testing.assert_close(twin(data), model(data))
    entry = next(item for item in config["layers"] if item["class_name"] == "TorchFunction")
    for path in ("os.system", "torch.load", "torch.__loader__", "operator.attrgetter", "torch.Tensor"):
        entry["config"]["function"] = path
        with pytest.raises(ValueError, match="not a torch operation"):
            Model.from_config(config)


def test_sequential_builds_from_a_shape_an_input_a_call_or_data():
    stack = [layers.Dense(4, input_shape=(3,)), layers.Dense(2)]
    assert Sequential(stack).output_shape == (None, 2)
    assert Sequential([Input((3,)), layers.Dense(2)]).built
    deferred = Sequential([layers.Dense(4), layers.Dense(2)])
    assert not deferred.built
    assert deferred.weights == []
    assert deferred(np.ones((5, 3))).shape == (5, 2)
    assert deferred.input_shape == (None, 3)
    later = Sequential([layers.Dense(4)])
    later.build((None, 3))
    assert later.count_params() == 16


def test_sequential_pop_and_add_change_the_graph():
    model = Sequential([Input((3,)), layers.Dense(4, name="one"), layers.Dense(5, name="two")])
    assert model.pop().name == "two"
    assert model.output_shape == (None, 4)
    model.add(layers.Dense(6, name="three"))
    assert model(torch.ones(1, 3)).shape == (1, 6)
    assert [layer.name for layer in model.layers] == ["one", "three"]
    assert len(model.weights) == 4
    with pytest.raises(ValueError, match="called 'three' already"):
        model.add(layers.Dense(1, name="three"))
    with pytest.raises(TypeError, match="must be a layer"):
        model.add("dense")


def test_models_nest_and_share_weights():
    inner = Sequential([Input((3,)), layers.Dense(4)], name="inner")
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], layers.add([inner(a), inner(b)]))
    assert len(model.weights) == 2
    x = torch.rand(2, 3)
    torch.testing.assert_close(model([x, x]), 2 * inner(x))
    outer = Model(a, Model(a, inner(a))(a))
    torch.testing.assert_close(outer(x), inner(x))


def test_subclassed_models_build_from_a_shape_and_list_their_layers():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(4)
            self.head = layers.Dense(2)

        def call(self, inputs, training=None):
            assert training in (True, False)
            return self.head(torch.tanh(self.hidden(inputs)))

    net = Net()
    net.build((None, 3))
    assert [tuple(w.shape) for w in net.weights] == [(3, 4), (4,), (4, 2), (2,)]
    assert [layer.name for layer in net.layers] == [net.hidden.name, net.head.name]
    assert net(np.ones((5, 3))).shape == (5, 2)
    wrapped = Model(inputs := Input((3,)), net(inputs))
    assert wrapped(torch.ones(2, 3)).shape == (2, 2)


def test_a_subclass_may_pass_inputs_and_outputs_to_the_constructor():
    class Classifier(Model):
        def __init__(self, classes, **kwargs):
            x = Input((3,))
            super().__init__(inputs=x, outputs=layers.Dense(classes)(x), **kwargs)
            self.classes = classes

    model = Classifier(4, name="mine")
    assert model.name == "mine"
    assert model(torch.ones(2, 3)).shape == (2, 4)


def test_masks_are_values_of_the_graph_and_pass_through_nested_models():
    ids = Input((5,), dtype="int32", name="ids")
    embedding = layers.Embedding(10, 4, mask_zero=True)
    direct = Model(ids, layers.LSTM(3)(embedding(ids)))
    inner = Model(ids, embedding(ids))
    nested = Model(ids, layers.LSTM(3)(inner(ids)))
    nested.set_weights(direct.get_weights())
    data = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 7]])
    torch.testing.assert_close(nested(data), direct(data))
    short = np.array([[1, 2]])
    alone = Model(i := Input((2,), dtype="int32"), direct.layers[-1](embedding(i)))
    torch.testing.assert_close(alone(short)[0], direct(data)[0])
    assert "mask" in direct.code
    assert all(getattr(layer, "name", "") != "ne" for layer in direct.layers)


def test_the_program_is_plain_generated_code():
    model = two_in_two_out()
    assert "self.shared(" in model.code
    assert model.code.count("self.shared(") == 2


def test_clone_model_can_replace_layers_and_inputs():
    model = Sequential([Input((3,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")])

    def wider(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "units": 2 * config["units"]})

    twin = clone_model(model, clone_function=wider)
    assert [tuple(w.shape) for w in twin.weights] == [(3, 8), (8,), (8, 4), (4,)]
    functional = two_in_two_out()
    fresh = [Input((8,)), Input((8,))]
    assert clone_model(functional, input_tensors=fresh).inputs[0] is fresh[0]


def test_summary_lists_layers_shapes_and_totals():
    lines = []
    model = Sequential([Input((3,)), layers.Dense(4, name="first")], name="net")
    model.summary(print_fn=lambda line, **kwargs: lines.append(line))
    text = "\n".join(lines)
    assert 'Model: "net"' in text
    assert "first (Dense)" in text
    assert "(None, 4)" in text
    assert "Total params: 16" in text


def test_models_compile_without_graph_breaks():
    x = Input((8, 8, 1))
    y = layers.Conv2D(4, 3, activation="relu")(x)
    y = layers.BatchNormalization()(layers.MaxPooling2D()(y))
    model = Model(x, layers.Dense(3, activation="softmax")(layers.Flatten()(y)))
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    data = torch.rand(2, 8, 8, 1)
    torch.testing.assert_close(compiled(data), model(data))


def test_keras_is_the_package_itself():
    assert keras.models.Model is keras.Model


def test_sequential_merges_branches_as_keras_1_did():
    left = Sequential([layers.Dense(4, input_shape=(3,))])
    right = Sequential([layers.Dense(4, input_shape=(5,))])
    model = Sequential()
    model.add(layers.Merge([left, right], mode="concat"))
    model.add(layers.Dense(2))
    a, b = torch.rand(2, 3), torch.rand(2, 5)
    torch.testing.assert_close(model([a, b]), model.layers[1](torch.cat([left(a), right(b)], -1)))
    assert len(model.weights) == 6
    assert model.output_shape == (None, 2)


def test_a_branch_that_is_merged_with_itself_takes_its_input_once(tmp_path):
    branch = Sequential([layers.Dense(4, input_shape=(3,))])
    model = Sequential([layers.Merge([branch, branch], mode="sum"), layers.Dense(2)])
    x = np.ones((2, 3), "float32")
    expected = model.predict(x, verbose=0)
    torch.testing.assert_close(model(x), model.layers[1](2 * branch(x)))
    model.save(tmp_path / "model.h5")
    copy, loaded = (
        Sequential.from_config(model.get_config()),
        keras.models.load_model(tmp_path / "model.h5", compile=False),
    )
    copy.set_weights(model.get_weights())
    for again in (copy, loaded):
        assert len(again.inputs) == 1 and len(again.weights) == 4
        np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-6)


def test_models_that_begin_with_merged_branches_are_described_and_saved(tmp_path):
    left = Sequential([layers.LSTM(3, input_shape=(2, 4))])
    right = Sequential([layers.Dense(2, input_shape=(5,)), layers.BatchNormalization()])
    model = Sequential([layers.Merge([left, right], mode="concat"), layers.Dense(1)])
    x = [np.ones((2, 2, 4)), np.ones((2, 5))]
    expected = model.predict(x)
    copy = Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(x), expected)
    # Read from a file, its branches are part of a functional model, as those of Keras 1 are.
    described = keras.models.model_from_json(model.to_json())
    model.save_weights(tmp_path / "weights.h5")
    described.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(described.predict(x), expected)
    copy.load_weights(tmp_path / "weights.h5")
    model.save(tmp_path / "model.h5")
    loaded = keras.models.load_model(tmp_path / "model.h5", compile=False)
    np.testing.assert_array_equal(loaded.predict(x), expected)


def test_a_model_refuses_arguments_beyond_inputs_outputs_and_name():
    x = layers.Input((2,))
    with pytest.raises(TypeError, match="inputs, outputs, name by position"):
        Model(x, layers.Dense(1)(x), "net", True)


def test_a_sequential_model_that_was_told_no_shape_takes_batches_of_other_sizes():
    model = keras.Sequential([layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), layers.Dense(1)])
    small, large = (np.random.random((2, size, size, 1)).astype("float32") for size in (8, 12))
    assert model(small).shape == model(large).shape == (2, 1)
    model.compile("sgd", "mse")
    model.fit(large, np.ones((2, 1)), verbose=0)
    torch.testing.assert_close(torch.as_tensor(model.predict(small, verbose=0)), model(small).detach())
    with pytest.raises(ValueError, match="layer 'conv2d'.*Received: shape"):
        model.predict(np.zeros((1, 8, 8, 3), "float32"), verbose=0)
    flat = keras.Sequential([layers.Flatten(), layers.Dense(1)])
    flat(small)
    with pytest.raises(ValueError, match="layer 'dense_1'.*Received: shape"):
        flat(large)


class Sum(keras.layers.Layer):
    """Adds a second input, if there is one."""

    def call(self, x, y=None):
        return x if y is None else x + y

    def compute_output_shape(self, x_shape, y_shape=None):
        return x_shape


def test_an_optional_input_may_be_none_also_after_a_config():
    inputs = [keras.Input((2,)), keras.Input((2,), optional=True, name="extra")]
    model = keras.Model(inputs, Sum()(*inputs))
    again = keras.Model.from_config(model.get_config(), custom_objects={"Sum": Sum})
    x = torch.ones(3, 2)
    for one in (model, again):
        assert one([x, x]).tolist() == [[2.0, 2.0]] * 3
        assert one([x, None]).tolist() == [[1.0, 1.0]] * 3
    with pytest.raises(ValueError, match="not optional"):
        model([None, x])


def test_shapes_of_symbolic_tensors_are_joined_with_lists():
    shape = keras.Input((3, 4)).shape
    assert [-1] + shape[1:] == (-1, 3, 4) and shape + [5] == (None, 3, 4, 5)
    assert ((2,) + shape[1:]).as_list() == [2, 3, 4]


def test_a_sequential_model_takes_lists_and_dicts_of_tensors_where_its_first_layer_does():
    class Sum(layers.Layer):
        def call(self, inputs):
            return sum(inputs.values()) if isinstance(inputs, dict) else sum(inputs)

    data = np.ones((6, 3), "float32")
    for inputs in ([data, data], {"b": data, "a": data}):
        model = Sequential([Sum(), layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        np.testing.assert_allclose(model.predict(inputs, verbose=0), np.full((6, 1), 6.0))
        model.fit(inputs, np.full((6, 1), 6.0), batch_size=4, verbose=0)
        model.add(layers.Dense(2))
        assert model(inputs).shape == (6, 2)


def test_a_layer_added_after_a_call_continues_the_sequential_model():
    model = Sequential([layers.Dense(2)])
    model(torch.ones(4, 3))
    model.add(layers.Dense(5))
    assert model.count_params() == 8 + 15
    assert model([torch.ones(4, 3)]).shape == (4, 5)


def test_the_state_of_a_model_is_a_tree_that_another_one_takes():
    models = [Sequential([Input((2,)), layers.Dense(1, name="top")], name="net") for _ in range(2)]
    for model in models:
        model.compile("adam", "mse")
    models[0].fit(np.ones((3, 2)), np.ones((3, 1)), verbose=0)
    tree = models[0].get_state_tree(value_format="numpy_array")
    models[1].set_state_tree(tree)
    again = models[1].get_state_tree(value_format="numpy_array")
    assert int(again["optimizer_variables"]["adam"]["iteration"]) == 1
    np.testing.assert_array_equal(
        models[1].layers[-1].kernel.numpy(), tree["trainable_variables"]["net"]["top"]["kernel"]
    )
    for name, slot in tree["optimizer_variables"]["adam"].items():
        np.testing.assert_array_equal(again["optimizer_variables"]["adam"][name], slot)
    with pytest.raises(ValueError, match="no 'bottom/kernel' among its trainable_variables"):
        models[1].set_state_tree({"trainable_variables": {"bottom": {"kernel": 1.0}}})


def test_an_own_compute_output_spec_stands_for_the_call_on_symbolic_tensors():
    class Halves(layers.Layer):
        def call(self, inputs, training=False):
            return inputs.detach().numpy()[:, ::2].astype("int32")

        def compute_output_spec(self, inputs, training=False):
            return keras.KerasTensor((inputs.shape[0], inputs.shape[1] // 2), dtype="int32")

    outputs = Halves()(Input((6,)))
    assert (outputs.shape, outputs.dtype) == ((None, 3), "int32")


def test_a_model_called_on_inputs_of_one_batch_size_has_outputs_of_it():
    x = Input((3,))
    model = Model(x, layers.Dense(2)(x))
    assert model(Input((3,), batch_size=5)).shape == (5, 2)


def test_unequal_is_computed_of_symbolic_tensors_and_equal_tells_which_one_it_is():
    x = Input((3,), dtype="int32")
    model = Model(x, [(x != 0), round(x / 3)])
    model = Model.from_config(json.loads(json.dumps(model.get_config())))
    unequal, rounded = model(torch.tensor([[0, 1, 5]]))
    assert unequal.tolist() == [[False, True, True]] and rounded.tolist() == [[0, 0, 2]]
    assert x in [x] and x not in [Input((3,))] and {x: 1}[x] == 1
    assert x != "text" and x is not None
