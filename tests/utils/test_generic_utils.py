import numpy as np
import pytest

import keras_torch as keras
from keras_torch.utils import generic_utils as gu


def test_lists_are_wrapped_and_unwrapped():
    assert gu.to_list((1, 2)) == [(1, 2)]
    assert gu.to_list((1, 2), allow_tuple=True) == [1, 2]
    assert gu.to_list([1]) == [1] and gu.to_list(None) == [None]
    assert gu.unpack_singleton([3]) == 3 and gu.unpack_singleton([3, 4]) == [3, 4]
    assert gu.is_all_none((None, None)) and not gu.is_all_none([None, 0]) and gu.is_all_none(None)
    items = [object(), object()]
    assert gu.object_list_uid(items) != gu.object_list_uid(items[::-1])


def test_rows_of_arrays_are_taken_by_range_or_by_number():
    array = np.arange(10)
    np.testing.assert_array_equal(gu.slice_arrays(array, 2, 4), [2, 3])
    taken, nothing = gu.slice_arrays([array, None], np.array([5, 1]))
    np.testing.assert_array_equal(taken, [5, 1])
    assert nothing is None and gu.slice_arrays(None) == [None]


def test_shapes_change_their_format():
    assert gu.transpose_shape((16, 128, 64, 32), "channels_first", (1, 2)) == (16, 32, 128, 64)
    assert gu.transpose_shape([16, 8, 4, 2, 1], "channels_first", (2, 3)) == [16, 8, 1, 4, 2]
    assert gu.transpose_shape((16, 128, 32), "channels_last", (1,)) == (16, 128, 32)
    with pytest.raises(ValueError, match="channels_last"):
        gu.transpose_shape((1, 2, 3), "channels", (1,))


def test_arguments_of_functions_are_found():
    def function(a, *args, b=1, **kwargs): ...

    assert gu.has_arg(function, "a") and gu.has_arg(function, "b")
    assert not gu.has_arg(function, "args") and not gu.has_arg(function, "c")
    assert gu.has_arg(function, "c", accept_all=True)
    assert not gu.has_arg(lambda a: a, "c", accept_all=True)


def test_functions_dumped_here_are_loaded_again():
    factor = 3
    dumped = gu.func_dump(lambda x, y=2: x * y * factor)
    assert gu.func_load(dumped)(5) == 30
    assert gu.func_load(dumped[0], defaults=(1,), closure=(2,))(5) == 10
    assert gu.func_load(gu.func_dump(lambda: name), globs={"name": "x"})() == "x"  # noqa: F821


def test_foreign_bytecode_is_refused_unless_trusted():
    from keras_torch.layers.lambda_layer import dump_function

    foreign = dump_function(lambda x: x - 12345)
    with pytest.raises(ValueError, match="safe_mode=False"):
        gu.func_load(foreign)
    assert gu.func_load(foreign, safe_mode=False)(0) == -12345


def test_objects_are_serialized_and_made_again():
    class Own:
        def __init__(self, size):
            self.size = size

        def get_config(self):
            return {"size": self.size}

    config = keras.utils.legacy.serialize_keras_object(Own(3))
    assert config == {"class_name": "Own", "config": {"size": 3}}
    made = keras.utils.legacy.deserialize_keras_object(config, module_objects={"Own": Own})
    assert made.size == 3
    dense = keras.utils.legacy.deserialize_keras_object(
        keras.utils.legacy.serialize_keras_object(keras.layers.Dense(4, name="a")))  # fmt: skip
    assert dense.units == 4 and dense.name == "a"
    assert keras.utils.legacy.deserialize_keras_object("f", custom_objects={"f": len}) is len
    with pytest.raises(ValueError, match="Unknown thing"):
        keras.utils.legacy.deserialize_keras_object("nothing", {}, printable_module_name="thing")
    with pytest.raises(ValueError, match="Received: 3"):
        keras.utils.legacy.deserialize_keras_object(3)


def test_source_inputs_are_those_the_tensor_depends_on():
    a, b, c = keras.Input((2,)), keras.Input((2,)), keras.Input((2,))
    shared = keras.layers.Dense(2)
    both = keras.layers.add([shared(a), shared(b), shared(a)])
    sources = keras.engine.get_source_inputs(both * 2)
    assert [id(item) for item in sources] == [id(a), id(b)]
    assert keras.utils.get_source_inputs(c)[0] is c
    assert keras.utils.get_source_inputs(both, shared, 1)[0] is b


def test_bytecode_of_early_keras_2_is_text_of_single_characters():
    import marshal

    text = marshal.dumps((lambda x: x + 1).__code__).decode("raw_unicode_escape")
    with pytest.raises(ValueError, match="safe_mode=False"):
        gu.func_load(text)
    assert gu.func_load(text, safe_mode=False)(1) == 2
