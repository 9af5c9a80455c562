"""Layers that prepare numbers and categories; what learns from data, or takes text, is in preprocessing_values.py."""

import numpy as np

from layer_cases import Case

ROWS, IMAGE = [(3, 4)], [(2, 3, 2, 4)]
SAMPLES = np.array([[0, 1, 1], [3, 2, 3]], "int32")
COLUMN = np.array([[2], [0], [4]], "int32")
LABELS = np.array([3, 0, 1, 4], "int64")
SQUARES = np.arange(18).reshape(2, 3, 3) ** 2 % 5
WEIGHTS = np.array([[0.5, 1.5, 2.0], [1.0, 0.25, 3.0]], "float32")
EDGES = [-0.5, 0.0, 0.75]
NUMBERS = np.array([[-2.0, -0.5, 0.0], [0.7, 0.75, 9.0]], "float32")
COLUMN_OF_NUMBERS = NUMBERS.reshape(6, 1)

CASES = {
    "normalization_weights": Case("Normalization", {}, ROWS),
    "normalization_axes": Case("Normalization", {"axis": (1, -1)}, IMAGE),
    "normalization_no_axis": Case("Normalization", {"axis": None}, IMAGE),
    "normalization_given": Case("Normalization", {"mean": 2.0, "variance": 4.0}, ROWS),
    "normalization_given_lists": Case(
        "Normalization", {"axis": -1, "mean": [1.0, 2.0, 3.0, 4.0], "variance": [1.0, 4.0, 0.0, 2.0]}, IMAGE
    ),
    "normalization_inverted": Case("Normalization", {"mean": 2.0, "variance": 4.0, "invert": True}, ROWS),
    "normalization_integers": Case("Normalization", {"mean": 2.0, "variance": 4.0}, [SAMPLES]),
    "category_one_hot": Case("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, [LABELS]),
    "category_one_hot_column": Case("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, [COLUMN]),
    "category_multi_hot": Case("CategoryEncoding", {"num_tokens": 5}, [SAMPLES]),
    "category_multi_hot_column": Case("CategoryEncoding", {"num_tokens": 5}, [COLUMN]),
    # Keras 2 takes no more than two axes here. A square, because Keras 3's symbolic shape is not that of its result.
    "category_multi_hot_3d": Case("CategoryEncoding", {"num_tokens": 5}, [SQUARES], keras=("3.15",)),
    "category_count_3d": Case(
        "CategoryEncoding", {"num_tokens": 5, "output_mode": "count"}, [SQUARES], keras=("3.15",)
    ),
    "discretization_multi_hot_3d": Case(
        "Discretization",
        {"bin_boundaries": EDGES, "output_mode": "multi_hot"},
        [(SQUARES / 4 - 0.5).astype("float32")],
        keras=("3.15",),
    ),
    "category_count": Case("CategoryEncoding", {"num_tokens": 5, "output_mode": "count"}, [SAMPLES]),
    "category_count_weights": Case(
        "CategoryEncoding", {"num_tokens": 5, "output_mode": "count"}, [SAMPLES], call={"count_weights": WEIGHTS}
    ),
    "discretization": Case("Discretization", {"bin_boundaries": EDGES}, [NUMBERS]),
    "discretization_one_hot": Case(
        "Discretization", {"bin_boundaries": EDGES, "output_mode": "one_hot"}, [COLUMN_OF_NUMBERS]
    ),
    "discretization_multi_hot": Case(
        "Discretization", {"bin_boundaries": EDGES, "output_mode": "multi_hot"}, [NUMBERS]
    ),
    "discretization_count": Case("Discretization", {"bin_boundaries": EDGES, "output_mode": "count"}, [NUMBERS]),
}
