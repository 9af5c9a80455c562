"""Rows of the layers that prepare numbers, categories and text: names and orders that tf.keras had."""

from __future__ import annotations

from typing import Any

from keras_torch.legacy.rows import Row


def _bins(bound: dict[str, Any]) -> None:
    """tf.keras's `bins` was either a number of bins or the list of boundaries."""
    if "bins" in bound:
        bins = bound.pop("bins")
        bound["num_bins" if isinstance(bins, int) else "bin_boundaries"] = bins


LAYERS: dict[str, Row] = {
    "CategoryEncoding": Row(renamed={"max_tokens": "num_tokens"}, shared=frozenset({"max_tokens"})),
    "Discretization": Row(prepare=_bins),
    "IntegerLookup": Row(
        renamed={"max_values": "max_tokens", "mask_value": "mask_token", "oov_value": "oov_token"},
        shared=frozenset({"max_values", "mask_value", "oov_value"}),
    ),
    "StringLookup": Row(
        orders={
            "tf": (
                *("max_tokens", "num_oov_indices", "mask_token", "oov_token", "vocabulary", "idf_weights", "encoding"),
                *("invert", "output_mode", "sparse", "pad_to_max_tokens"),
            )
        }
    ),
}
