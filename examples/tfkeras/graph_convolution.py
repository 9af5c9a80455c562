"""Tell the topics of papers from words and citations: a graph network of gathered and summed messages."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

num_papers, num_words, num_classes = 200, 30, 4
hidden_units, dropout_rate = [16, 16], 0.3
learning_rate, num_epochs, batch_size = 0.02, 15, 64
keras.utils.set_random_seed(19)

subjects = np.random.randint(0, num_classes, num_papers)
words = np.random.uniform(size=(num_papers, num_words)) < 0.05
words |= (np.arange(num_words) % num_classes == subjects[:, None]) & (np.random.uniform(size=words.shape) < 0.25)
citations = [[a, b] for a, b in np.random.randint(0, num_papers, (6000, 2)) if subjects[a] == subjects[b]][:500]
citations += np.random.randint(0, num_papers, (100, 2)).tolist()
edges = np.array(citations).T
edge_weights = tf.ones(shape=edges.shape[1])
node_features = tf.cast(words, dtype=tf.dtypes.float32)
graph_info = (node_features, edges, edge_weights)
print("Edges shape:", edges.shape, "Nodes shape:", node_features.shape)


def create_ffn(hidden_units, dropout_rate, name=None):
    fnn_layers = []
    for units in hidden_units:
        fnn_layers.append(layers.BatchNormalization(momentum=0.8))
        fnn_layers.append(layers.Dropout(dropout_rate))
        fnn_layers.append(layers.Dense(units, activation=tf.nn.gelu))
    return keras.Sequential(fnn_layers, name=name)


class GraphConvLayer(layers.Layer):
    def __init__(self, hidden_units, dropout_rate=0.2, aggregation_type="mean", normalize=False, *args, **kwargs):
        super(GraphConvLayer, self).__init__(*args, **kwargs)
        self.aggregation_type = aggregation_type
        self.normalize = normalize
        self.ffn_prepare = create_ffn(hidden_units, dropout_rate)
        self.update_fn = create_ffn(hidden_units, dropout_rate)

    def prepare(self, node_repesentations, weights=None):
        messages = self.ffn_prepare(node_repesentations)
        return messages if weights is None else messages * tf.expand_dims(weights, -1)

    def aggregate(self, node_indices, neighbour_messages, node_repesentations):
        num_nodes = node_repesentations.shape[0]
        if self.aggregation_type == "sum":
            return tf.math.unsorted_segment_sum(neighbour_messages, node_indices, num_segments=num_nodes)
        return tf.math.unsorted_segment_mean(neighbour_messages, node_indices, num_segments=num_nodes)

    def update(self, node_repesentations, aggregated_messages):
        h = tf.concat([node_repesentations, aggregated_messages], axis=1)
        node_embeddings = self.update_fn(h)
        if self.normalize:
            node_embeddings = tf.nn.l2_normalize(node_embeddings, axis=-1)
        return node_embeddings

    def call(self, inputs):
        node_repesentations, edges, edge_weights = inputs
        node_indices, neighbour_indices = edges[0], edges[1]
        neighbour_repesentations = tf.gather(node_repesentations, neighbour_indices)
        neighbour_messages = self.prepare(neighbour_repesentations, edge_weights)
        aggregated_messages = self.aggregate(node_indices, neighbour_messages, node_repesentations)
        return self.update(node_repesentations, aggregated_messages)


class GNNNodeClassifier(tf.keras.Model):
    def __init__(self, graph_info, num_classes, hidden_units, dropout_rate=0.2, *args, **kwargs):
        super(GNNNodeClassifier, self).__init__(*args, **kwargs)
        self.node_features, self.edges, edge_weights = graph_info
        self.edge_weights = edge_weights / tf.math.reduce_sum(edge_weights) * edges.shape[1]
        self.preprocess = create_ffn(hidden_units, dropout_rate, name="preprocess")
        self.conv1 = GraphConvLayer(hidden_units, dropout_rate, "mean", name="graph_conv1")
        self.conv2 = GraphConvLayer(hidden_units, dropout_rate, "sum", normalize=True, name="graph_conv2")
        self.compute_logits = layers.Dense(units=num_classes, name="logits")

    def call(self, input_node_indices):
        x = self.preprocess(self.node_features)
        x = self.conv1((x, self.edges, self.edge_weights)) + x  # Skip connection.
        x = self.conv2((x, self.edges, self.edge_weights)) + x
        node_embeddings = tf.gather(x, input_node_indices)
        return self.compute_logits(node_embeddings)


gnn_model = GNNNodeClassifier(graph_info, num_classes, hidden_units, dropout_rate, name="gnn_model")
print("GNN output shape:", gnn_model([1, 10, 100]))
gnn_model.summary()
gnn_model.compile(
    optimizer=keras.optimizers.Adam(learning_rate),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
early_stopping = keras.callbacks.EarlyStopping(monitor="val_acc", patience=15, restore_best_weights=True)
x_train, y_train, x_test, y_test = np.arange(120), subjects[:120], np.arange(120, 200), subjects[120:]
history = gnn_model.fit(
    x_train,
    y_train,
    epochs=num_epochs,
    batch_size=batch_size,
    validation_split=0.15,
    callbacks=[early_stopping],
    verbose=2,
)
_, test_accuracy = gnn_model.evaluate(x=x_test, y=y_test, verbose=0)
print(f"Test accuracy: {round(test_accuracy * 100, 2)}%")
