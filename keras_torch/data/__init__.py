"""Where batches come from: arrays, Sequence / PyDataset, generators, torch DataLoaders, datasets of steps (`pipeline`).

A source has `num_batches` (None if unknown), `batch_size`, `repeatable`, `epoch()` (an iterator of batches, on the
device) and `on_epoch_end()`.
"""

from keras_torch.data.arrays import ArrayData
from keras_torch.data.iterables import GeneratorData, LoaderData, distributed_sampler, loader_for
from keras_torch.data.pipeline import Dataset
from keras_torch.data.pipeline.lazy import LazyDataset
from keras_torch.data.sequence import PyDataset, Sequence, SequenceData, is_sequence
from keras_torch.data.structure import (
    flatten,
    map_structure,
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
)

__all__ = [
    "ArrayData",
    "Dataset",
    "GeneratorData",
    "LazyDataset",
    "LoaderData",
    "PyDataset",
    "Sequence",
    "SequenceData",
    "distributed_sampler",
    "flatten",
    "is_sequence",
    "loader_for",
    "map_structure",
    "pack_x_y_sample_weight",
    "unpack_x_y_sample_weight",
]
