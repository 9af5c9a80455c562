"""Papers that cite one another, and the words in them, tell their subjects."""

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)
num_papers, num_words, num_classes = 240, 40, 4
subjects = rng.integers(0, num_classes, num_papers)
words = (rng.uniform(size=(num_papers, num_words)) < 0.08).astype("float32")
for i, subject in enumerate(subjects):
    words[i, subject * 10 : subject * 10 + 10] += rng.uniform(size=10) < 0.1
same = subjects[:, None] == subjects[None]
cites = rng.uniform(size=same.shape) < np.where(same, 0.05, 0.004)
edges = np.argwhere(cites | cites.T | np.eye(num_papers, dtype=bool))
order = rng.permutation(num_papers)
train_indices, test_indices = order[:80], order[80:]


class GraphAttention(layers.Layer):
    def __init__(self, units, kernel_initializer="glorot_uniform", kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        weight = {"trainable": True, "initializer": self.kernel_initializer, "regularizer": self.kernel_regularizer}
        self.kernel = self.add_weight(shape=(input_shape[0][-1], self.units), name="kernel", **weight)
        self.kernel_attention = self.add_weight(shape=(self.units * 2, 1), name="kernel_attention", **weight)
        self.built = True

    def call(self, inputs):
        node_states, edges = inputs
        node_states_transformed = ops.matmul(node_states, self.kernel)
        # (1) the attention score of each edge
        node_states_expanded = ops.take(node_states_transformed, edges, axis=0)
        node_states_expanded = ops.reshape(node_states_expanded, (ops.shape(edges)[0], -1))
        attention_scores = ops.leaky_relu(ops.matmul(node_states_expanded, self.kernel_attention))
        attention_scores = ops.squeeze(attention_scores, -1)
        # (2) normalized over the edges of each node
        attention_scores = ops.exp(ops.clip(attention_scores, -2, 2))
        num_nodes = ops.shape(node_states)[0]
        attention_scores_sum = ops.segment_sum(attention_scores, edges[:, 0], num_segments=num_nodes, sorted=True)
        attention_scores_norm = attention_scores / ops.take(attention_scores_sum, edges[:, 0])
        # (3) the neighbours, weighted by it
        node_states_neighbors = ops.take(node_states_transformed, edges[:, 1], axis=0)
        messages = node_states_neighbors * attention_scores_norm[:, None]
        return ops.segment_sum(messages, edges[:, 0], num_segments=num_nodes, sorted=True)


class MultiHeadGraphAttention(layers.Layer):
    def __init__(self, units, num_heads=4, merge_type="concat", **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.merge_type = merge_type
        self.attention_layers = [GraphAttention(units, kernel_regularizer="l2") for _ in range(num_heads)]

    def call(self, inputs):
        atom_features, pair_indices = inputs
        outputs = [attention_layer([atom_features, pair_indices]) for attention_layer in self.attention_layers]
        outputs = ops.concatenate(outputs, axis=-1) if self.merge_type == "concat" else ops.mean(ops.stack(outputs), 0)
        return ops.relu(outputs)


class GraphAttentionNetwork(keras.Model):
    def __init__(self, node_states, edges, hidden_units, num_heads, num_layers, output_dim, **kwargs):
        super().__init__(**kwargs)
        self.node_states = ops.convert_to_tensor(node_states)
        self.edges = ops.convert_to_tensor(edges, dtype="int32")
        self.preprocess = layers.Dense(hidden_units * num_heads, activation="relu")
        self.attention_layers = [MultiHeadGraphAttention(hidden_units, num_heads) for _ in range(num_layers)]
        self.output_layer = layers.Dense(output_dim)

    def call(self, indices):
        x = self.preprocess(self.node_states)
        for attention_layer in self.attention_layers:
            x = attention_layer([x, self.edges]) + x
        outputs = self.output_layer(x)
        return ops.take(outputs, ops.cast(indices, "int32"), axis=0)


gat_model = GraphAttentionNetwork(words, edges, hidden_units=8, num_heads=2, num_layers=2, output_dim=num_classes)
gat_model.compile(
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
early_stopping = keras.callbacks.EarlyStopping(
    monitor="val_acc", min_delta=1e-5, patience=5, restore_best_weights=True, mode="max"
)
history = gat_model.fit(
    x=train_indices,
    y=subjects[train_indices],
    validation_split=0.2,
    batch_size=32,
    epochs=15,
    callbacks=[early_stopping],
)
_, test_accuracy = gat_model.evaluate(x=test_indices, y=subjects[test_indices], verbose=0)
test_probs = ops.softmax(gat_model.predict(x=test_indices))
print(f"Test Accuracy {test_accuracy * 100:.1f}%", [round(float(p), 3) for p in test_probs[0]])
