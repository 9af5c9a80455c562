"""Translation tables of the layers, by family. Facts: the signatures of Keras 1.2.2, 2.2.4, 2.15 and 3.15."""

from __future__ import annotations

from keras_torch.legacy.layer_rows import convolutional, core, images, normalization, preprocessing, recurrent
from keras_torch.legacy.rows import Row

LAYERS: dict[str, Row] = {
    **core.LAYERS,
    **convolutional.LAYERS,
    **images.LAYERS,
    **normalization.LAYERS,
    **preprocessing.LAYERS,
    **recurrent.LAYERS,
}
