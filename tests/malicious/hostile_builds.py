"""What stands beside a config, `build_config`, and values in a config that are objects: hostile and nonsense."""

from .hostile_configs import HUGE, INNER, LAMBDA_3, SYSTEM, bytecode

LAMBDA = LAMBDA_3["function"]
POPEN = {"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}, "registered_name": "Popen"}


def deep(value, depth=60):
    for _ in range(depth):
        value = [value]
    return value


def shape(value):
    return {"input_shape": value}


SHAPES = {
    "a number": 3,
    "a text": "abc",
    "a list": [None, 4],
    "true": True,
    "nothing known": {"path": "/etc/passwd"},
    "bytecode": LAMBDA,
    "a class of a module": POPEN,
    "a huge axis": shape([None, 10**12]),
    "huge axes": shape([10**6] * 8),
    "an axis beyond numbers": shape([None, 10**400]),
    "a negative axis": shape([None, -4]),
    "a fraction": shape([None, 2.5]),
    "no number": shape([None, float("nan")]),
    "infinity": shape([None, float("inf")]),
    "axes of text": shape(["a", "b"]),
    "an axis that is true": shape([None, True]),
    "no axes": shape([]),
    "many axes": shape([1] * 2000),
    "axes in axes": shape(deep(4)),
    "a shape of text": shape("/etc/passwd"),
    "a shape of a number": shape(4),
    "a shape of bytecode": shape([None, LAMBDA]),
    "a shape of a function": shape(SYSTEM),
    "a shape of a Lambda": shape([INNER]),
    "a shape of a class": shape({"class_name": "TensorShape", "items": [None, POPEN]}),
    "shapes that are a list": {"shapes_dict": [[None, 4]]},
    "shapes that are text": {"shapes_dict": "/etc/passwd"},
    "shapes of odd names": {"shapes_dict": {"__class__": [None, 4], "self": [None, 4], "": [None, 4]}},
    "shapes in shapes": {"shapes_dict": {"input_shape": {"input_shape": {"input_shape": [None, 4]}}}},
    "huge shapes": {"shapes_dict": {"query_shape": [None, HUGE, HUGE], "value_shape": [None, HUGE, HUGE]}},
    "many shapes": {"shapes_dict": {f"x{number}_shape": [None, 4] for number in range(3000)}},
}
# Layers that are built by one shape, by several, and by those of others.
LAYERS = {
    "Dense": {"units": 2},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 2},
    "Bidirectional": {"layer": {"class_name": "LSTM", "config": {"units": 2}}},
    "BatchNormalization": {},
    "Conv2D": {"filters": 2, "kernel_size": [3, 3]},
    "Normalization": {},
    "IntegerLookup": {},
}


def layer(class_name, built):
    described = {"module": "keras.layers", "class_name": class_name, "registered_name": None}
    return {**described, "config": {"name": "l", **LAYERS[class_name]}, "build_config": built}


def unbuilt(built, **inner):
    """A stack whose input shape is told beside it alone."""
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2}, **inner}
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [dense]}, "build_config": built}


def within(built):
    """A graph of a layer and a stack without an input shape, both with shapes beside them."""
    first = {"batch_input_shape": [None, 4], "name": "i", "dtype": "float32"}
    dense = {**layer("Dense", built), "name": "l", "inbound_nodes": [[["i", 0, 0, {}]]]}
    stack = {**unbuilt(built), "name": "m", "inbound_nodes": [[["l", 0, 0, {}]]]}
    items = [{"class_name": "InputLayer", "config": first, "name": "i", "inbound_nodes": []}, dense, stack]
    config = {"name": "g", "layers": items, "input_layers": [["i", 0, 0]], "output_layers": [["m", 0, 0]]}
    return {"class_name": "Functional", "config": config}


def value(kind, **config):
    return {"class_name": kind, "config": config}


# Values of a config in the forms of Keras 3.
VALUES = {
    "an array of objects": value("__numpy__", value=[[1], [2, 3]], dtype="object"),
    "an array of huge texts": value("__numpy__", value=["a"], dtype=f"S{2**31 - 1}"),
    "an array of huge items": value("__numpy__", value=[0], dtype=f"V{2**31 - 1}"),
    "an array of records": value("__numpy__", value=[0], dtype="f8,(1000000000,)f8"),
    "an array of no type": value("__numpy__", value=[0], dtype={"names": ["a"], "formats": [LAMBDA]}),
    "a ragged array": value("__numpy__", value=[[1], [1, 2]], dtype="float32"),
    "a deep array": value("__numpy__", value=deep(1.0), dtype="float32"),
    "an array of numbers beyond numbers": value("__numpy__", value=[10**400], dtype="float32"),
    "a tensor of text": value("__tensor__", value="/etc/passwd", dtype="float32"),
    "a tensor of a function": value("__tensor__", value=[1], dtype="load"),
    "a tensor without a value": value("__tensor__"),
    "a huge slice": value("__slice__", start=0, stop=10**400, step=-(10**30)),
    "a slice of objects": value("__slice__", start=LAMBDA, stop=POPEN, step=None),
    "a slice of four parts": value("__slice__", a=1, b=2, c=3, d=4),
    "a dtype of a module": {"class_name": "__dtype__", "config": "load"},
    "bytes of numbers": value("__bytes__", value=3),
    "bytes without a value": {"class_name": "__bytes__", "config": None},
    "an ellipsis of bytecode": value("__ellipsis__", code=bytecode()),
    "a tuple of classes": {"class_name": "__tuple__", "items": [POPEN, SYSTEM]},
    "a tensor of a graph": value("__keras_tensor__", shape=[HUGE] * 9, dtype="load", keras_history=["a", 0, 0]),
    "a lambda of nothing": {"class_name": "__lambda__", "config": None},
    "a lambda that is no code": value("__lambda__", code="AAAA", defaults=[1], closure={}),
    "a type of a module": {"class_name": "__typespec__", "module": "os", "config": [None], "spec_name": "system"},
    "a random generator": value("RandomState", state="/etc/passwd"),
    "a super class": {"class_name": "__super__", "config": {"mro": [POPEN]}},
}


def places(item):
    """Configs of a layer that hold a value in different places."""
    dense = {"name": "d", "units": 2}
    return (
        item,
        [item, {"a": item}],
        {"class_name": "Dense", "config": {**dense, "units": item}},
        {"class_name": "Dense", "config": {**dense, "activation": item}},
        {"class_name": "Dense", "config": {**dense, "kernel_initializer": value("Constant", value=item)}},
        {"class_name": "Rescaling", "config": {"name": "r", "scale": item}},
        {"class_name": "Normalization", "config": {"name": "n", "mean": item, "variance": 1.0}},
        {"class_name": "Lambda", "config": {"name": "l", "function": "relu", "arguments": {"x": item}}},
    )
