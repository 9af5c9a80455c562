"""Models whose summaries are compared with real Keras; `keras` is either package."""


def models(keras):
    """Return name → (model, options of summary)."""
    layers = keras.layers

    def stack(name):
        return keras.Sequential(
            [
                keras.Input((4,), name=f"{name}_in"),
                layers.Dense(3, name=f"{name}_a"),
                layers.BatchNormalization(name=f"{name}_a_very_long_layer_name_that_overflows"),
                layers.Dense(1, name=f"{name}_b"),
            ],
            name=name,
        )

    def graph(name):
        x = keras.Input((4,), name=f"{name}_in")
        shared = layers.Dense(3, name=f"{name}_shared")
        a = shared(x)
        b = layers.Dense(3, activation="relu", name=f"{name}_with_a_name_long_enough_to_break")(x)
        joined = layers.Concatenate(name=f"{name}_joined")([a, b, x])
        return keras.Model(x, [joined, layers.Dense(2, name=f"{name}_out")(joined)], name=name)

    frozen = stack("frozen")
    frozen.layers[0].trainable = False
    nested = keras.Sequential([keras.Input((4,), name="nested_in"), stack("inner"), layers.Dense(700, name="wide")])
    nested.layers[0].layers[2].trainable = False
    image = keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image_in"),
            layers.Conv2D(32, 3, name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(10, name="classes"),
        ],
        name="image",
    )
    nested._name = "nested"
    return {
        "stack": (stack("stack"), {}),
        "trainable": (frozen, {"show_trainable": True}),
        "graph": (graph("graph"), {}),
        "graph_trainable": (graph("graph_trainable"), {"show_trainable": True}),
        "nested": (nested, {"expand_nested": True, "show_trainable": True}),
        "closed": (nested, {}),
        "narrow": (image, {"line_length": 50, "positions": [0.4, 0.8, 1.0]}),
        "range": (image, {"layer_range": ["pool", "flat"]}),
        "absolute": (image, {"line_length": 80, "positions": [30, 60, 80]}),
    }


def classic_models(keras):
    """Return name → (model, options of summary) of Keras 1 and 2."""
    layers, models = keras.layers, keras.models
    first = keras.__version__.startswith("1")

    def joined(tensors, name):
        return layers.merge(tensors, mode="concat", name=name) if first else layers.concatenate(tensors, name=name)

    chain = models.Sequential(name="chain")
    chain.add(layers.Embedding(2000, 40, input_length=5, name="words"))
    chain.add(layers.LSTM(6, name="a_name_that_is_too_long_for_its_column"))
    chain.add(layers.Dense(3))
    x = layers.Input((8,), name="x")
    both = joined([layers.Dense(4, name="a")(x), layers.Dense(4, name="b")(x)], "both")
    graph = models.Model(x, [layers.Dense(1, name="c")(both), layers.BatchNormalization(name="d")(both)])
    graph.layers[1].trainable = False
    z, y = layers.Input((5,), name="z"), layers.Input((5,), name="y")
    again = joined([chain(z), chain(y)], "again")
    return {
        "chain": (chain, {}),
        "graph": (graph, {}),
        "nested": (models.Model([z, y], layers.Activation("relu", name="last")(again)), {}),
        "narrow": (graph, {"line_length": 60}),
        "absolute": (chain, {"line_length": 50, "positions": [10, 30, 40, 50]}),
    }
