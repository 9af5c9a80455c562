"""Constructor arguments and models that the golden forms of objects are made of."""

from __future__ import annotations


def _inner(keras):
    return keras.layers.Dense(2, name="inner")


# Class name → constructor arguments, where the defaults will not do.
ARGUMENTS = {
    "ActivityRegularization": lambda keras: {"l1": 0.1},
    "Activation": lambda keras: {"activation": "relu"},
    "Attention": lambda keras: {"use_scale": True},
    "Bidirectional": lambda keras: {"layer": keras.layers.LSTM(2, name="inner"), "merge_mode": "sum"},
    "CategoryEncoding": lambda keras: {"num_tokens": 4},
    "CenterCrop": lambda keras: {"height": 2, "width": 3},
    "Conv1D": lambda keras: {"filters": 2, "kernel_size": 3},
    "Conv1DTranspose": lambda keras: {"filters": 2, "kernel_size": 3},
    "Conv2D": lambda keras: {
        "filters": 2,
        "kernel_size": (3, 2),
        "activation": "relu",
        "kernel_regularizer": "l2",
        "bias_constraint": "non_neg",
        "kernel_initializer": keras.initializers.HeNormal(seed=3),
    },
    "Conv2DTranspose": lambda keras: {"filters": 2, "kernel_size": 3},
    "Conv3D": lambda keras: {"filters": 2, "kernel_size": 3},
    "Conv3DTranspose": lambda keras: {"filters": 2, "kernel_size": 3},
    "ConvLSTM1D": lambda keras: {"filters": 2, "kernel_size": 3},
    "ConvLSTM2D": lambda keras: {"filters": 2, "kernel_size": 3},
    "ConvLSTM3D": lambda keras: {"filters": 2, "kernel_size": 3},
    "Cropping1D": lambda keras: {"cropping": 2},
    "Dense": lambda keras: {"units": 3, "activation": "relu", "activity_regularizer": "l1", "dtype": "float64"},
    "DepthwiseConv1D": lambda keras: {"kernel_size": 3},
    "DepthwiseConv2D": lambda keras: {"kernel_size": 3},
    "Discretization": lambda keras: {"bin_boundaries": [0.0, 1.0]},
    "Dot": lambda keras: {"axes": (1, 2)},
    "Dropout": lambda keras: {"rate": 0.5, "seed": 3},
    "AlphaDropout": lambda keras: {"rate": 0.5},
    "EinsumDense": lambda keras: {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "c"},
    "Embedding": lambda keras: {"input_dim": 4, "output_dim": 3, "mask_zero": True},
    "GRU": lambda keras: {"units": 2},
    "GRUCell": lambda keras: {"units": 2},
    "GaussianDropout": lambda keras: {"rate": 0.5},
    "GaussianNoise": lambda keras: {"stddev": 0.5},
    "GroupNormalization": lambda keras: {"groups": 2},
    "HashedCrossing": lambda keras: {"num_bins": 4},
    "Hashing": lambda keras: {"num_bins": 4},
    "InputLayer": lambda keras: {"shape": (3,)} if keras.__version__[0] == "3" else {"input_shape": (3,)},
    "IntegerLookup": lambda keras: {"vocabulary": [3, 5]},
    "LSTM": lambda keras: {"units": 2, "return_sequences": True},
    "LSTMCell": lambda keras: {"units": 2},
    "LocallyConnected1D": lambda keras: {"filters": 2, "kernel_size": 3},
    "LocallyConnected2D": lambda keras: {"filters": 2, "kernel_size": 3},
    "MelSpectrogram": lambda keras: {},
    "MultiHeadAttention": lambda keras: {"num_heads": 2, "key_dim": 3},
    "Permute": lambda keras: {"dims": (2, 1)},
    "RandomBrightness": lambda keras: {"factor": 0.2},
    "RandomContrast": lambda keras: {"factor": 0.2},
    "RandomCrop": lambda keras: {"height": 2, "width": 3},
    "RandomHeight": lambda keras: {"factor": 0.2},
    "RandomRotation": lambda keras: {"factor": 0.2},
    "RandomTranslation": lambda keras: {"height_factor": 0.2, "width_factor": 0.1},
    "RandomWidth": lambda keras: {"factor": 0.2},
    "RandomZoom": lambda keras: {"height_factor": 0.2},
    "RepeatVector": lambda keras: {"n": 2},
    "Rescaling": lambda keras: {"scale": 0.5},
    "Reshape": lambda keras: {"target_shape": (2, -1)},
    "Resizing": lambda keras: {"height": 2, "width": 3},
    "ReversibleEmbedding": lambda keras: {"input_dim": 4, "output_dim": 3},
    "RNN": lambda keras: {"cell": keras.layers.GRUCell(2, name="inner")},
    "STFTSpectrogram": lambda keras: {},
    "SeparableConv1D": lambda keras: {"filters": 2, "kernel_size": 3},
    "SeparableConv2D": lambda keras: {"filters": 2, "kernel_size": 3},
    "SimpleRNN": lambda keras: {"units": 2},
    "SimpleRNNCell": lambda keras: {"units": 2},
    "SpatialDropout1D": lambda keras: {"rate": 0.5},
    "SpatialDropout2D": lambda keras: {"rate": 0.5},
    "SpatialDropout3D": lambda keras: {"rate": 0.5},
    "SpectralNormalization": lambda keras: {"layer": _inner(keras)},
    "StackedRNNCells": lambda keras: {"cells": [keras.layers.LSTMCell(2, name="a"), keras.layers.GRUCell(3, name="b")]},
    "StringLookup": lambda keras: {"vocabulary": ["a", "b"]},
    "TextVectorization": lambda keras: {"max_tokens": 5},
    "TimeDistributed": lambda keras: {"layer": _inner(keras)},
    "Wrapper": lambda keras: {"layer": _inner(keras)},
    "ZeroPadding2D": lambda keras: {"padding": (1, (2, 3))},
    "IoU": lambda keras: {"num_classes": 2, "target_class_ids": [0]},
    "BinaryIoU": lambda keras: {},
    "MeanIoU": lambda keras: {"num_classes": 2},
    "OneHotIoU": lambda keras: {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": lambda keras: {"num_classes": 2},
    "MeanMetricWrapper": lambda keras: {"fn": keras.losses.mean_squared_error},
    "MeanRelativeError": lambda keras: {"normalizer": [1.0, 2.0]},
    "PrecisionAtRecall": lambda keras: {"recall": 0.5},
    "RecallAtPrecision": lambda keras: {"precision": 0.5},
    "SensitivityAtSpecificity": lambda keras: {"specificity": 0.5},
    "SpecificityAtSensitivity": lambda keras: {"sensitivity": 0.5},
    "Adam": lambda keras: {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), "clipnorm": 1.0},
    "LossScaleOptimizer": lambda keras: {"inner_optimizer": keras.optimizers.SGD(0.5)},
    "CosineDecay": lambda keras: {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecayRestarts": lambda keras: {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "ExponentialDecay": lambda keras: {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "InverseTimeDecay": lambda keras: {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "PiecewiseConstantDecay": lambda keras: {"boundaries": [5, 8], "values": [0.1, 0.05, 0.01]},
    "PolynomialDecay": lambda keras: {"initial_learning_rate": 0.1, "decay_steps": 10},
    "GroupedQueryAttention": lambda keras: {"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": 2},
    "MaxNumBoundingBoxes": lambda keras: {"max_number": 3},
    "RandomHue": lambda keras: {"factor": 0.2},
    "RandomPosterization": lambda keras: {"factor": 4},
    "RandomSaturation": lambda keras: {"factor": 0.2},
    "RandomSharpness": lambda keras: {"factor": 0.2},
    "RandomColorDegeneration": lambda keras: {"factor": 0.2},
    **{f"{kind}Pooling{rank}D": (lambda keras: {"pool_size": 2}) for kind in ("Average", "Max") for rank in (1, 2, 3)},
    **{
        f"Adaptive{kind}Pooling{rank}D": (lambda keras: {"output_size": 2})
        for kind in ("Average", "Max")
        for rank in (1, 2, 3)
    },
    "OrthogonalRegularizer": lambda keras: {"factor": 0.1},
}

# What stands around something that is not ours to compare: other libraries, or the bytes of a function.
SKIPPED = frozenset(
    {
        "FlaxLayer",
        "JaxLayer",
        "TFSMLayer",
        "TorchModuleWrapper",
        "Lambda",
        "DenseFeatures",
        "Pipeline",
        "MultiOptimizer",
    }
)


def sequential(keras):
    """A Sequential model with an input."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6,), name="data"),
            layers.Dense(4, activation="relu", kernel_regularizer="l2", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(2, name="second"),
        ],
        name="stack",
    )


def compiled(keras):
    """The same, compiled."""
    model = sequential(keras)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def functional(keras):
    """Shared layers, a nested model, two inputs and two outputs."""
    layers = keras.layers
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = layers.Dense(3, name="shared")
    a, b = shared(left), shared(right)
    inner_in = keras.Input((3,), name="inner_in")
    inner = keras.Model(inner_in, layers.Dense(3, name="inner_dense")(inner_in), name="inner")
    total = layers.Add(name="total")([inner(a), inner(b)])
    main = layers.Dense(2, name="main")(layers.Concatenate(name="all")([total, a]))
    side = layers.Dense(1, name="side")(b)
    return keras.Model([left, right], [main, side], name="graph")


def named(keras):
    """Inputs and outputs in dicts."""
    inputs = {"x": keras.Input((4,), name="x"), "y": keras.Input((4,), name="y")}
    joined = keras.layers.Concatenate(name="joined")([inputs["x"], inputs["y"]])
    return keras.Model(inputs, {"z": keras.layers.Dense(2, name="z")(joined)}, name="named")


def attention(keras):
    """Several tensors and options in one call."""
    query, value = keras.Input((5, 4), name="query"), keras.Input((6, 4), name="value")
    layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3, name="attention")
    found, scores = layer(query, value, return_attention_scores=True)
    return keras.Model([query, value], [found, scores], name="attending")


MODELS = {
    "sequential": sequential,
    "compiled": compiled,
    "functional": functional,
    "named": named,
    "attention": attention,
}
