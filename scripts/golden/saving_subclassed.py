"""Subclassed models whose layers are found in many ways; run by real Keras and by this project alike."""

from __future__ import annotations


def containers(keras):
    """Layers in lists, dicts, nested containers, and private attributes; some are held twice."""
    layers = keras.layers

    class Containers(keras.Model):
        def __init__(self):
            super().__init__()
            self.zz = layers.Dense(2)
            self.aa = layers.Dense(3)
            self.blocks = [layers.Dense(4), layers.BatchNormalization(), layers.Dense(4)]
            self.table = {"b": layers.Dense(5), "a": layers.Dense(4)}
            self._hidden = layers.Dense(6)
            self.again = self.blocks[0]

        def call(self, x):
            for layer in [*self.blocks, *self.table.values(), self._hidden, self.aa, self.zz]:
                x = layer(x)
            return x

    return Containers()


def nested(keras):
    """A layer of the user's with weights and layers of its own, and a model in a model."""
    layers = keras.layers

    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.norm = layers.LayerNormalization()
            self.dense = layers.Dense(3)

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
            self.norm.build(input_shape)
            self.dense.build(input_shape)
            self.built = True

        def call(self, x):
            return self.dense(self.norm(x)) * self.scale

    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = Block()
            self.body = keras.Sequential([layers.Dense(3), Block(), layers.Dense(3)])
            inputs = keras.Input((3,))
            self.head = keras.Model(inputs, layers.Dense(1)(layers.Dense(2)(inputs)))

        def call(self, x):
            return self.head(self.body(self.first(x)))

    return Outer()


BUILDERS = {"containers": containers, "nested": nested}
