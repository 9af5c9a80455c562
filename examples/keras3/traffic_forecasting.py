"""Speeds of roads spread to their neighbours; a graph convolution and an LSTM foresee them."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import typing

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(6)
num_roads, history_steps, horizon = 8, 8, 2
rng = np.random.default_rng(6)
distances = np.abs(np.arange(num_roads)[:, None] - np.arange(num_roads)[None])
adjacency_matrix = (distances == 1).astype("float32")
speeds = np.zeros((500, num_roads), "float32")
speeds[0] = rng.normal(size=num_roads)
for t in range(1, 500):
    spread = adjacency_matrix @ speeds[t - 1] / adjacency_matrix.sum(1)
    speeds[t] = 0.1 * speeds[t - 1] + 0.8 * spread + 0.3 * np.sin(t / 5 + np.arange(num_roads)) + rng.normal(0, 0.03, 8)
mean, std = speeds.mean(axis=0), speeds.std(axis=0)
speeds = (speeds - mean) / std
windows = np.lib.stride_tricks.sliding_window_view(speeds, history_steps + horizon, axis=0).transpose(0, 1, 2)
x, y = windows[..., :history_steps, None].copy(), windows[..., history_steps:].copy()
x_train, y_train, x_test, y_test = x[:400], y[:400], x[400:], y[400:]


class GraphInfo:
    def __init__(self, edges: typing.Tuple[list, list], num_nodes: int):
        self.edges, self.num_nodes = edges, num_nodes


node_indices, neighbor_indices = np.where(adjacency_matrix > 0)
graph = GraphInfo(edges=(node_indices.tolist(), neighbor_indices.tolist()), num_nodes=num_roads)


class GraphConv(layers.Layer):
    def __init__(self, in_feat, out_feat, graph_info, combination_type="concat", activation=None, **kwargs):
        super().__init__(**kwargs)
        self.graph_info = graph_info
        self.combination_type = combination_type
        self.weight = self.add_weight(
            initializer=keras.initializers.GlorotUniform(),
            shape=(in_feat, out_feat),
            dtype="float32",
            trainable=True,
        )
        self.activation = layers.Activation(activation)

    def aggregate(self, neighbour_representations):
        # (edges, batch, steps, features): the mean over the neighbours of each node
        segments = ops.convert_to_tensor(self.graph_info.edges[0])
        total = ops.segment_sum(neighbour_representations, segments, num_segments=self.graph_info.num_nodes)
        count = ops.segment_sum(ops.ones_like(segments), segments, num_segments=self.graph_info.num_nodes)
        return total / ops.reshape(ops.cast(count, total.dtype), (-1, 1, 1, 1))

    def call(self, features):
        nodes_representation = ops.matmul(features, self.weight)
        neighbour_representations = ops.take(features, self.graph_info.edges[1], axis=0)
        aggregated = ops.matmul(self.aggregate(neighbour_representations), self.weight)
        if self.combination_type == "concat":
            h = ops.concatenate([nodes_representation, aggregated], axis=-1)
        elif self.combination_type == "add":
            h = nodes_representation + aggregated
        else:
            raise ValueError(f"Invalid combination type: {self.combination_type}.")
        return self.activation(h)


class LSTMGC(layers.Layer):
    """Comprises a graph convolution, followed by LSTM and dense layers."""

    def __init__(self, in_feat, out_feat, lstm_units, output_seq_len, graph_info, **kwargs):
        super().__init__(**kwargs)
        self.graph_conv = GraphConv(in_feat, out_feat, graph_info, activation="relu")
        self.lstm = layers.LSTM(lstm_units, activation="tanh")
        self.dense = layers.Dense(output_seq_len)
        self.output_seq_len = output_seq_len

    def call(self, inputs):
        # convert shape to (num_nodes, batch_size, input_seq_len, in_feat)
        gcn_out = self.graph_conv(ops.transpose(inputs, [1, 0, 2, 3]))
        shape = ops.shape(gcn_out)
        num_nodes, batch_size, input_seq_len, out_feat = shape[0], shape[1], shape[2], shape[3]
        gcn_out = ops.reshape(gcn_out, (batch_size * num_nodes, input_seq_len, out_feat))
        output = ops.reshape(self.dense(self.lstm(gcn_out)), (num_nodes, batch_size, self.output_seq_len))
        return ops.transpose(output, [1, 0, 2])  # (batch_size, num_nodes, output_seq_len)


inputs = layers.Input((num_roads, history_steps, 1))
model = keras.models.Model(inputs, LSTMGC(1, 6, 16, horizon, graph)(inputs))
model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=0.01), loss=keras.losses.MeanSquaredError())
history = model.fit(x_train, y_train, validation_data=(x_test, y_test), batch_size=32, epochs=5)
model_mse = float(ops.mean(ops.square(model.predict(x_test) - y_test)))
naive_mse = float(np.square(x_test[..., -1, :] - y_test).mean())
print(f"naive MAE: {naive_mse}, model MAE: {model_mse}")
