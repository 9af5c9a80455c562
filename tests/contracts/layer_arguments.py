"""What the contract tests construct each layer with, where the defaults will not do."""

from keras_torch import layers


def twice(x):
    return x * 2


CELL = layers.GRUCell(3)
IMAGE, STEPS, FLAT, VOLUME = (6, 6, 3), (5, 4), (7,), (4, 4, 4, 2)

# Constructor arguments, input shape (a list for several inputs, a tuple of shapes for several arguments of the call)
# and, if not float32, dtype of the inputs (integers are below 9, "string" gives words), where the defaults will not do;
# None for what is no layer to call on tensors.
ARGUMENTS = {
    "AbstractRNNCell": None,
    "Activation": ({"activation": "tanh"}, FLAT),
    "ActivityRegularization": ({"l1": 0.1}, FLAT),
    **{
        f"Adaptive{kind}Pooling{rank}D": ({"output_size": 2}, shape)
        for kind in ("Average", "Max")
        for rank, shape in ((1, STEPS), (2, IMAGE), (3, VOLUME))
    },
    "AddLoss": None,
    "AddMetric": None,
    "AlphaDropout": ({"rate": 0.3}, FLAT),
    "AdditiveAttention": ({}, [STEPS, STEPS]),
    "Attention": ({"use_scale": True}, [STEPS, STEPS]),
    "BatchNormalization": ({}, IMAGE),
    "Bidirectional": ({"layer": layers.LSTM(3, return_sequences=True)}, STEPS),
    "CategoryEncoding": ({"num_tokens": 9}, FLAT, "int32"),
    "Conv": None,
    "Conv1D": ({"filters": 3, "kernel_size": 2, "padding": "causal"}, STEPS),
    "Conv1DTranspose": ({"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, STEPS),
    "Conv2D": ({"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}, IMAGE),
    "Conv2DTranspose": ({"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, IMAGE),
    "Conv3D": ({"filters": 3, "kernel_size": 2}, VOLUME),
    "Conv3DTranspose": ({"filters": 3, "kernel_size": 2, "strides": 2}, VOLUME),
    "ConvLSTM1D": ({"filters": 3, "kernel_size": 2}, (3, 5, 2)),
    "ConvLSTM2D": ({"filters": 3, "kernel_size": 2, "padding": "same", "return_sequences": True}, (3, 4, 4, 2)),
    "ConvLSTM2DCell": None,
    "ConvLSTM3D": ({"filters": 3, "kernel_size": 2}, (2, 3, 3, 3, 2)),
    "ConvRNN2D": ({"cell": layers.ConvLSTM2DCell(3, 2)}, (3, 4, 4, 2)),
    "ConvRecurrent2D": None,
    "CuDNNGRU": ({"units": 3}, STEPS),
    "CuDNNLSTM": ({"units": 3, "return_sequences": True}, STEPS),
    "CustomScaleLayer": ({"scale": 0.3}, [FLAT, FLAT]),
    "Dense": ({"units": 3, "activation": "relu", "kernel_regularizer": "l2"}, FLAT),
    "DepthwiseConv1D": ({"kernel_size": 2, "depth_multiplier": 2, "padding": "same"}, STEPS),
    "DepthwiseConv2D": ({"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}, IMAGE),
    "Discretization": ({"bin_boundaries": [0.2, 0.6], "output_mode": "count"}, FLAT),
    "Dot": ({"axes": 1}, [FLAT, FLAT]),
    "Dropout": ({"rate": 0.3}, FLAT),
    "EinsumDense": ({"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}, STEPS),
    "Embedding": ({"input_dim": 9, "output_dim": 3}, FLAT, "int32"),
    "GRU": ({"units": 3}, STEPS),
    "GRUCell": None,
    "GaussianDropout": ({"rate": 0.3}, FLAT),
    "GaussianNoise": ({"stddev": 0.3}, FLAT),
    "HashedCrossing": ({"num_bins": 5, "output_mode": "one_hot"}, [(1,), (1,)], "int32"),
    "Hashing": ({"num_bins": 5, "salt": 3, "output_mode": "count"}, FLAT, "int32"),
    "IntegerLookup": ({"vocabulary": [4, 7, 1], "output_mode": "multi_hot", "mask_token": 0}, FLAT, "int32"),
    "LayerScale": ({"init_values": 0.5, "projection_dim": 3}, IMAGE),
    "LSTM": ({"units": 3, "return_sequences": True}, STEPS),
    "LSTMCell": None,
    "GroupQueryAttention": ({"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}, (STEPS, STEPS)),
    "GroupNormalization": ({"groups": 3}, IMAGE),
    "LocallyConnected1D": ({"filters": 3, "kernel_size": 2, "implementation": 2, "padding": "same"}, STEPS),
    "LocallyConnected2D": ({"filters": 3, "kernel_size": 2, "strides": 2, "activation": "relu"}, IMAGE),
    "Lambda": ({"function": twice}, FLAT),
    "MaxoutDense": ({"units": 3, "nb_feature": 2}, FLAT),
    "MultiHeadAttention": ({"num_heads": 2, "key_dim": 3, "output_shape": 5}, (STEPS, STEPS)),
    "Permute": ({"dims": (2, 1)}, STEPS),
    "PreprocessingLayer": None,
    "RNN": ({"cell": CELL}, STEPS),
    "RandomFourierFeatures": ({"output_dim": 3, "scale": 2.0}, FLAT),
    "Recurrent": None,
    "RepeatVector": ({"n": 2}, FLAT),
    "Reshape": ({"target_shape": (2, -1)}, (6,)),
    "SeparableConv1D": ({"filters": 3, "kernel_size": 2, "padding": "causal"}, STEPS),
    "SeparableConv2D": ({"filters": 3, "kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, IMAGE),
    "ReversibleEmbedding": ({"input_dim": 9, "output_dim": 3}, FLAT, "int32"),
    "SimpleRNN": ({"units": 3}, STEPS),
    "SimpleRNNCell": None,
    "SpatialDropout1D": ({"rate": 0.3}, STEPS),
    "SpatialDropout2D": ({"rate": 0.3}, IMAGE),
    "SpatialDropout3D": ({"rate": 0.3}, VOLUME),
    "SpectralNormalization": ({"layer": layers.Dense(3)}, FLAT),
    "StochasticDepth": ({"drop_path_rate": 0.3}, IMAGE),
    "StackedRNNCells": None,
    "StringLookup": ({"vocabulary": ["bee", "sea"], "output_mode": "count"}, (2,), "string"),
    "TextVectorization": ({"vocabulary": ["bee", "dee"], "output_mode": "count"}, (1,), "string"),
    "ThresholdedReLU": ({"theta": 0.3}, FLAT),
    "TimeDistributedDense": ({"units": 3}, STEPS),
    "TimeDistributed": ({"layer": layers.Dense(3)}, STEPS),
    "AugMix": ({"num_chains": 2, "chain_depth": 1}, IMAGE),
    "AutoContrast": ({}, IMAGE),
    "CenterCrop": ({"height": 4, "width": 3}, IMAGE),
    "ContrastLimitedAdaptiveHistogramEqualization": ({"tile_grid_size": (2, 2), "value_range": (0, 300)}, IMAGE),
    "CutMix": ({}, IMAGE),
    "Equalization": ({}, IMAGE),
    "MaxNumBoundingBoxes": ({"max_number": 2}, IMAGE),
    "MixUp": ({}, IMAGE),
    "Pipeline": ({"layers": [layers.Rescaling(0.5), layers.RandomFlip()]}, IMAGE),
    "RandAugment": ({"num_ops": 1}, IMAGE),
    "RandomBrightness": ({"factor": 0.2}, IMAGE),
    "RandomColorDegeneration": ({"factor": 0.2}, IMAGE),
    "RandomColorJitter": ({"brightness_factor": 0.2, "hue_factor": 0.2}, IMAGE),
    "RandomContrast": ({"factor": 0.2}, IMAGE),
    "RandomCrop": ({"height": 4, "width": 3}, IMAGE),
    "RandomElasticTransform": ({}, IMAGE),
    "RandomErasing": ({}, IMAGE),
    "RandomFlip": ({}, IMAGE),
    "RandomGaussianBlur": ({}, IMAGE),
    "RandomGrayscale": ({}, IMAGE),
    # Their outputs have no fixed size.
    "RandomHeight": None,
    "RandomHue": ({"factor": 0.2}, IMAGE),
    "RandomInvert": ({}, IMAGE),
    "RandomPerspective": ({}, IMAGE),
    "RandomPosterization": ({"factor": 4}, IMAGE),
    "RandomRotation": ({"factor": 0.2}, IMAGE),
    "RandomSaturation": ({"factor": 0.2}, IMAGE),
    "RandomSharpness": ({"factor": 0.2}, IMAGE),
    "RandomShear": ({"x_factor": 0.2}, IMAGE),
    "RandomTranslation": ({"height_factor": 0.2, "width_factor": 0.2}, IMAGE),
    "RandomWidth": None,
    "RandomZoom": ({"height_factor": 0.2}, IMAGE),
    "Rescaling": ({"scale": 0.5, "offset": 1.0}, IMAGE),
    "Resizing": ({"height": 4, "width": 3}, IMAGE),
    "Solarization": ({"addition_factor": 0.2}, IMAGE),
    "MelSpectrogram": ({"fft_length": 16, "sequence_stride": 4, "num_mel_bins": 5, "power_to_db": False}, (21,)),
    "STFTSpectrogram": ({"frame_length": 8, "frame_step": 3, "mode": "magnitude"}, (21, 2)),
}

MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
BY_RANK = {"1D": STEPS, "2D": IMAGE, "3D": VOLUME}


def case(name):
    """Return constructor arguments, input shape or shapes, and dtype of the inputs; None for what is not stacked."""
    if name in ARGUMENTS:
        given = ARGUMENTS[name]
        return given and (*given, "float32")[:3]
    return {}, [FLAT, FLAT] if name in MERGES else BY_RANK.get(name[-2:], FLAT), "float32"
