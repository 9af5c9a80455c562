"""Configs that ask for code, files, memory or time; `refused` ones must not become a model."""

import base64
import marshal

HUGE = 10**9


def bytecode():
    return base64.b64encode(marshal.dumps(compile("lambda x: __import__('os').system('true')", "<x>", "eval"))).decode()


def stack(*layers, shape=(4,), dtype="float32"):
    """A Sequential model of layers given as `(class_name, config)`."""
    first = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, *shape], "name": "i", "dtype": dtype}}
    items = [{"class_name": name, "config": config} for name, config in layers]
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *items]}}


def graph(layers, outputs):
    first = {"batch_input_shape": [None, 2], "name": "i", "dtype": "float32"}
    items = [{"class_name": "InputLayer", "config": first, "name": "i", "inbound_nodes": []}, *layers]
    config = {"name": "m", "layers": items, "input_layers": [["i", 0, 0]], "output_layers": outputs}
    return {"class_name": "Functional", "config": config}


def node(name, *references):
    return {
        "class_name": "Dense",
        "config": {"units": 2, "name": name},
        "name": name,
        "inbound_nodes": [[list(reference) for reference in references]],
    }


def nested(depth, class_name, inner):
    layer = inner
    for number in range(depth):
        layer = {"class_name": class_name, "config": {"name": f"w{number}", "layer": layer}}
    return layer["class_name"], layer["config"]


LAMBDA = {"name": "l", "function": [bytecode(), None, None], "function_type": "lambda"}
LAMBDA_3 = {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": bytecode()}}}
SYSTEM = {"class_name": "function", "module": "os", "config": "system", "registered_name": "system"}
INNER = {"class_name": "Lambda", "config": LAMBDA}

REFUSED = {
    "bytecode": stack(("Lambda", LAMBDA)),
    "bytecode of Keras 3": stack(("Lambda", LAMBDA_3)),
    "bytecode in a wrapper": stack(("TimeDistributed", {"name": "t", "layer": INNER}), shape=(3, 4)),
    "bytecode in a nested model": stack(("Sequential", stack(("Lambda", LAMBDA))["config"])),
    "bytecode as an activation": stack(("Dense", {"units": 1, "activation": LAMBDA_3["function"]})),
    "bytecode as an initializer": stack(("Dense", {"units": 1, "kernel_initializer": INNER})),
    "a function of a module": stack(("Lambda", {"name": "l", "function": SYSTEM})),
    "a function by its name": stack(("Lambda", {"name": "l", "function": "system", "module": "os"})),
    "an activation of a module": stack(("Activation", {"activation": SYSTEM})),
    "an activation by a path": stack(("Activation", {"activation": "os.system"})),
    "a regularizer of a module": stack(("Dense", {"units": 1, "kernel_regularizer": SYSTEM})),
    "a constraint by a path": stack(("Dense", {"units": 1, "kernel_constraint": {"class_name": "os>system"}})),
    "a class of a module": stack(("Popen", {"args": "true"})),
    "a module as a class": stack(("keras_torch.saving.files", {})),
    "a pickled module": stack(
        ("TorchModuleWrapper", {"name": "t", "module": {"class_name": "__bytes__", "config": {"value": "x"}}})
    ),
    "a saved model": stack(("TFSMLayer", {"filepath": "/tmp/x", "name": "t"})),
    "a JAX layer": stack(("JaxLayer", {"call_fn": SYSTEM, "name": "t"})),
    "a vocabulary file": stack(
        ("StringLookup", {"vocabulary": "/etc/passwd", "name": "s"}), shape=(1,), dtype="string"
    ),
    "a vocabulary of numbers in a file": stack(
        ("IntegerLookup", {"vocabulary": "/etc/passwd"}), shape=(1,), dtype="int64"
    ),
    "a vocabulary of texts in a file": stack(
        ("TextVectorization", {"vocabulary": "/etc/passwd"}), shape=(1,), dtype="string"
    ),
    "weights from a file": stack(
        ("Embedding", {"input_dim": 3, "output_dim": 2, "weights": "/etc/passwd"}), dtype="int32"
    ),
    "a huge Dense": stack(("Dense", {"units": 10**12})),
    "a huge Embedding": stack(("Embedding", {"input_dim": 10**11, "output_dim": 100})),
    "a huge kernel": stack(("Conv2D", {"filters": 10**5, "kernel_size": [10**5, 10**5]}), shape=(10**6, 10**6, 3)),
    "a huge LSTM": stack(("LSTM", {"units": 10**8}), shape=(3, 4)),
    "a huge input": stack(("Dense", {"units": HUGE}), shape=(HUGE,)),
    "huge attention": stack(("LayerNormalization", {"axis": -1}), ("Dense", {"units": 10**13})),
    "units that are no number": stack(("Dense", {"units": [[]]})),
    "units that are infinite": stack(("Dense", {"units": float("inf")})),
    "units that are no number at all": stack(("Dense", {"units": float("nan")})),
    "units too long for a number": stack(("Dense", {"units": 10**300})),
    "a negative size": stack(("Dense", {"units": -3})),
    "a dtype of objects": stack(("Dense", {"units": 1, "dtype": "object"})),
    "a dtype policy of a module": stack(
        ("Dense", {"units": 1, "dtype": {"class_name": "Popen", "module": "os", "config": {}}})
    ),
    "a shape of text": stack(("Reshape", {"target_shape": "abc"})),
    "a call that is not there": graph([node("a", ["i", 5, 0])], [["a", 0, 0]]),
    "a negative call": graph([node("a", ["i", -1, 0])], [["a", 0, 0]]),
    "a call that is no number": graph([node("a", ["i", "0", 0])], [["a", 0, 0]]),
    "a layer that calls itself": graph([node("a", ["a", 0, 0])], [["a", 0, 0]]),
    "layers in a circle": graph([node("a", ["b", 0, 0]), node("b", ["a", 0, 0])], [["a", 0, 0]]),
    "an output that is not there": graph([node("a", ["i", 0, 0])], [["z", 0, 0]]),
    "no layers": {"class_name": "Functional", "config": {"name": "m", "layers": [], "input_layers": [["i", 0, 0]]}},
    "layers that are no list": {"class_name": "Sequential", "config": {"name": "m", "layers": 3}},
    "a name that is no text": stack(("Dense", {"units": 1, "name": {"a": 1}})),
    "a layer in a list": stack(("Bidirectional", {"layer": [1, 2]}), shape=(3, 4)),
    "operators on huge numbers": graph(
        [
            {
                "class_name": "TorchFunction",
                "config": {"function": "operator.pow", "name": "p"},
                "name": "p",
                "inbound_nodes": [{"args": [10, 10**9], "kwargs": {}}],
            }
        ],
        [["p", 0, 0]],
    ),
    "an operator that repeats": graph(
        [
            {
                "class_name": "TorchFunction",
                "config": {"function": "operator.mul", "name": "p"},
                "name": "p",
                "inbound_nodes": [{"args": [[0], 10**10], "kwargs": {}}],
            }
        ],
        [["p", 0, 0]],
    ),
}

# Odd, large or slow, but not necessarily wrong: a model or a clear error.
ODD = {
    "a huge repetition": stack(("RepeatVector", {"n": HUGE})),
    "huge upsampling": stack(("UpSampling2D", {"size": [10**6, 10**6]}), shape=(4, 4, 1)),
    "huge padding": stack(("ZeroPadding2D", {"padding": HUGE}), shape=(4, 4, 1)),
    "a huge one-hot": stack(("CategoryEncoding", {"num_tokens": 10**12}), shape=(1,)),
    "huge bins": stack(("Discretization", {"num_bins": 10**12}), shape=(1,)),
    "a huge crop": stack(("Resizing", {"height": 10**6, "width": 10**6}), shape=(4, 4, 1)),
    "huge spectrograms": stack(("MelSpectrogram", {"fft_length": 10**9, "num_mel_bins": 10**6}), shape=(100,)),
    "huge local kernels": stack(("LocallyConnected1D", {"filters": 2, "kernel_size": 2}), shape=(10**7, 10**4)),
    "huge noise": stack(("GaussianNoise", {"stddev": 1e308})),
    "a huge sequence, unrolled": stack(("LSTM", {"units": 1, "unroll": True}), shape=(10**9, 1)),
    "a huge bucket count": stack(("Hashing", {"num_bins": 10**18}), shape=(1,), dtype="string"),
    "huge random features": stack(("RandomFourierFeatures", {"output_dim": 10**10})),
    "a huge identity": stack(("Dense", {"units": 10**7, "kernel_initializer": "identity"}), shape=(10**7,)),
    "wrappers in wrappers": stack(
        nested(25, "TimeDistributed", {"class_name": "Dense", "config": {"units": 1}}), shape=(1,) * 27
    ),
    "bidirectional in bidirectional": stack(
        nested(25, "Bidirectional", {"class_name": "LSTM", "config": {"units": 1, "return_sequences": True}}),
        shape=(3, 4),
    ),
    "many layers": stack(*[("Activation", {"activation": "relu", "name": f"a{n}"}) for n in range(400)]),
    "the same name twice": stack(("Dense", {"units": 1, "name": "d"}), ("Dense", {"units": 1, "name": "d"})),
    "names as paths": stack(("Dense", {"units": 1, "name": "../../x"}), ("Dense", {"units": 1, "name": "/etc/x"})),
    "a name of odd characters": stack(("Dense", {"units": 1, "name": "a\0b\n\u202e"})),
    "a true call number": graph([node("a", ["i", False, False])], [["a", 0, 0]]),
    "huge numbers in an initializer": stack(
        ("Dense", {"units": 1, "kernel_initializer": {"class_name": "RandomUniform", "config": {"maxval": 1e400}}})
    ),
    "a huge seed": stack(("Dropout", {"rate": 0.5, "seed": 10**40})),
    "build_config with odd shapes": {**stack(("Dense", {"units": 1})), "build_config": {"input_shape": ["x", [1]]}},
    "compile_config with bytecode": {
        **stack(("Dense", {"units": 1})),
        "compile_config": {"optimizer": "adam", "loss": {"class_name": "__lambda__", "config": {"code": bytecode()}}},
    },
    "a quantized layer": stack(("Dense", {"units": 1, "quantization_config": {"class_name": "Popen", "config": {}}})),
}


def doubled(depth):
    """Models in models, each of which calls the next one twice."""
    inner = stack(("Dense", {"units": 2}), shape=(2,))
    for number in range(depth):
        name = f"m{number}"
        calls = [[["i", 0, 0, {}]], [[name, 0 if not number else 0, 0, {}]]]
        layer = {**inner, "name": name, "config": {**inner["config"], "name": name}, "inbound_nodes": calls}
        inner = graph([layer], [[name, 1, 0]])
    return inner


ODD["models that double"] = doubled(18)
