"""Helpers around models and data."""

from __future__ import annotations

from typing import Any

from keras_torch.backend import clear_session
from keras_torch.config import dtype_name as standardize_dtype
from keras_torch.data import PyDataset, Sequence, pack_x_y_sample_weight, unpack_x_y_sample_weight
from keras_torch.data.enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer
from keras_torch.legacy import saving as legacy
from keras_torch.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from keras_torch.symbolic import get_source_inputs, is_keras_tensor
from keras_torch.symbolic import is_keras_tensor as is_symbolic_tensor
from keras_torch.utils import bounding_boxes, conv_utils, data_utils, generic_utils, io_utils, layer_utils, np_utils
from keras_torch.utils.audio_dataset import audio_dataset_from_directory
from keras_torch.utils.config import Config
from keras_torch.utils.conv_utils import (
    conv_input_length,
    conv_output_length,
    convert_kernel,
    deconv_length,
    normalize_padding,
    normalize_tuple,
)
from keras_torch.utils.dataset_utils import split_dataset
from keras_torch.utils.embedding_transfer import warmstart_embedding_matrix
from keras_torch.utils.feature_space import FeatureSpace
from keras_torch.utils.file_utils import get_file
from keras_torch.utils.image_dataset import image_dataset_from_directory
from keras_torch.utils.images import array_to_img, img_to_array, load_img, save_img
from keras_torch.utils.io_utils import (
    H5Dict,
    HDF5Matrix,
    ask_to_proceed_with_overwrite,
    h5dict,
    load_array,
    save_array,
)
from keras_torch.utils.layer_utils import convert_all_kernels_in_model
from keras_torch.utils.numerical import normalize, to_categorical, to_ordinal
from keras_torch.utils.object_forms import deserialize_keras_object, serialize_keras_object
from keras_torch.utils.progbar import (
    Progbar,
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from keras_torch.utils.seeds import set_random_seed
from keras_torch.utils.sequence_utils import pad_sequences
from keras_torch.utils.sidecar_evaluator import SidecarEvaluator
from keras_torch.utils.summary import count_params, print_summary
from keras_torch.utils.text_dataset import text_dataset_from_directory
from keras_torch.utils.timed_threads import TimedThread
from keras_torch.utils.timeseries_dataset import timeseries_dataset_from_array
from keras_torch.utils.unavailable import StepsPerExecutionTuner
from keras_torch.utils.vis_utils import model_to_dot, plot, plot_model

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "GeneratorEnqueuer",
    "H5Dict",
    "HDF5Matrix",
    "OrderedEnqueuer",
    "Progbar",
    "PyDataset",
    "Sequence",
    "SequenceEnqueuer",
    "SidecarEvaluator",
    "StepsPerExecutionTuner",
    "TimedThread",
    "array_to_img",
    "ask_to_proceed_with_overwrite",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "conv_input_length",
    "conv_output_length",
    "conv_utils",
    "convert_all_kernels_in_model",
    "convert_kernel",
    "count_params",
    "custom_object_scope",
    "data_utils",
    "deconv_length",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "generic_utils",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "h5dict",
    "image_dataset_from_directory",
    "img_to_array",
    "io_utils",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "is_symbolic_tensor",
    "layer_utils",
    "legacy",
    "load_array",
    "load_img",
    "model_to_dot",
    "multi_gpu_model",
    "normalize",
    "normalize_padding",
    "normalize_tuple",
    "np_utils",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot",
    "plot_model",
    "print_summary",
    "register_keras_serializable",
    "save_array",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "to_ordinal",
    "unpack_x_y_sample_weight",
    "warmstart_embedding_matrix",
]


def __getattr__(name: str) -> Any:
    # Users look for it here; it lives above models.
    if name == "multi_gpu_model":
        from keras_torch.models.multi_gpu import multi_gpu_model

        return multi_gpu_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
