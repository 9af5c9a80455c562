"""Ragged batches of graphs come from a PyDataset; a GRU cell updates the atoms."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(18)
atom_kinds, bond_kinds, rng = 3, 2, np.random.default_rng(18)


def molecule():
    """Atoms in a chain or ring, and the bonds between them; to be found are rings with an atom of kind 2."""
    kinds = rng.integers(0, atom_kinds, n := int(rng.integers(4, 9)))
    pairs = [(i, i + 1) for i in range(n - 1)] + ([(n - 1, 0)] if rng.uniform() < 0.6 else [])
    bonds = rng.integers(0, bond_kinds, len(pairs))
    both_ways, label = np.array(pairs + [pair[::-1] for pair in pairs]), float(len(pairs) == n and 2 in kinds)
    return np.eye(atom_kinds)[kinds], np.eye(bond_kinds)[np.concatenate([bonds, bonds])], both_ways, label


molecules = [molecule() for _ in range(400)]


class MPNNDataset(keras.utils.PyDataset):
    def __init__(self, molecules, batch_size=32, shuffle=False, **kwargs):
        super().__init__(**kwargs)
        self.molecules, self.batch_size, self.shuffle = list(molecules), batch_size, shuffle

    def __len__(self):
        return len(self.molecules) // self.batch_size

    def on_epoch_end(self):
        if self.shuffle:
            rng.shuffle(self.molecules)

    def __getitem__(self, index):
        batch = self.molecules[index * self.batch_size : (index + 1) * self.batch_size]
        atoms, bonds, pairs, labels = zip(*batch, strict=True)
        sizes = [len(part) for part in atoms]
        starts, indicator = np.cumsum([0, *sizes[:-1]]), np.repeat(np.arange(len(batch)), sizes)
        joined = np.concatenate([pair + start for pair, start in zip(pairs, starts, strict=True)])
        features = [np.concatenate(part).astype("float32") for part in (atoms, bonds)]
        return (*features, joined, indicator), np.array(labels, "float32")[:, None]


class EdgeNetwork(layers.Layer):
    def build(self, input_shape):
        self.atom_dim, self.bond_dim = input_shape[0][-1], input_shape[1][-1]
        self.kernel = self.add_weight((self.bond_dim, self.atom_dim**2), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.atom_dim**2,), initializer="zeros", name="bias")

    def call(self, inputs):
        atom_features, bond_features, pair_indices = inputs
        bond_features = ops.matmul(bond_features, self.kernel) + self.bias
        bond_features = ops.reshape(bond_features, (-1, self.atom_dim, self.atom_dim))
        neighbors = ops.take(atom_features, pair_indices[:, 1], axis=0)
        transformed_features = ops.einsum("nij,nj->ni", bond_features, neighbors)
        return ops.segment_sum(transformed_features, pair_indices[:, 0], num_segments=ops.shape(atom_features)[0])


class MessagePassing(layers.Layer):
    def __init__(self, units, steps=4, **kwargs):
        super().__init__(**kwargs)
        self.units, self.steps = units, steps

    def build(self, input_shape):
        self.message_step = EdgeNetwork()
        self.pad_length = max(0, self.units - input_shape[0][-1])
        self.update_step = layers.GRUCell(self.units)
        self.message_step.build([(None, self.units), *input_shape[1:]])
        self.update_step.build((None, self.units))

    def call(self, inputs):
        atom_features, bond_features, pair_indices = inputs
        atom_features_updated = ops.pad(atom_features, [(0, 0), (0, self.pad_length)])
        for _ in range(self.steps):
            aggregated = self.message_step([atom_features_updated, bond_features, pair_indices])
            atom_features_updated, _ = self.update_step(aggregated, atom_features_updated)
        return atom_features_updated


def mpnn_model(batch_size=32, message_units=8, message_steps=3):
    atom_features = layers.Input((atom_kinds,), dtype="float32", name="atom_features")
    bond_features = layers.Input((bond_kinds,), dtype="float32", name="bond_features")
    pair_indices = layers.Input((2,), dtype="int32", name="pair_indices")
    molecule_indicator = layers.Input((), dtype="int32", name="molecule_indicator")
    x = MessagePassing(message_units, message_steps)([atom_features, bond_features, pair_indices])
    parts = [segment(x, molecule_indicator, num_segments=batch_size) for segment in (ops.segment_sum, ops.segment_max)]
    x = layers.Dense(16, activation="relu")(ops.concatenate(parts, axis=-1))
    outputs = [layers.Dense(1, activation="sigmoid")(x)]
    return keras.Model([atom_features, bond_features, pair_indices, molecule_indicator], outputs)


mpnn = mpnn_model()
mpnn.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=[keras.metrics.AUC(name="AUC")])
train_dataset, valid_dataset = MPNNDataset(molecules[:320], shuffle=True), MPNNDataset(molecules[320:])
history = mpnn.fit(train_dataset, validation_data=valid_dataset, epochs=8, verbose=2, class_weight={0: 0.6, 1: 1.4})
