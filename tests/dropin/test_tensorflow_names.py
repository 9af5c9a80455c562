"""Every `tf.*` name that real files use (`tensorflow_names.json`: name and number of files) works, or says what does.

A name has a value test against TensorFlow's numbers (test_tensorflow_values), a test of its behaviour, whose function
`BEHAVIOUR` names, or a refusal whose text is tested here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_torch import dropin
from keras_torch.dropin.tensorflow import refusals

FOLDER = Path(__file__).parent
NAMES = json.loads((FOLDER / "tensorflow_names.json").read_text(encoding="utf-8"))
GOLDEN = json.loads((FOLDER.parent / "golden" / "tensorflow_215.json").read_text(encoding="utf-8"))
WITH_VALUES = {case[0] for case in GOLDEN["cases"]}

# Test function → the names whose behaviour it shows.
BEHAVIOUR = {
    "test_gradients_of_a_network_of_convolutions_are_those_of_tensorflow": "GradientTape",
    "test_a_loop_outside_fit_takes_tensorflows_path": "function",
    "test_the_version_is_that_of_the_dialect": "__version__ compat.v1.__version__",
    "test_dtypes_are_torchs": """
        float32 float64 int32 int64 uint8 bool string complex64 dtypes.float32 dtypes.bool dtypes.int64
        compat.v1.float32 compat.v1.int64 newaxis""",
    "test_settings_of_sessions_are_accepted": """
        Session InteractiveSession ConfigProto compat.v1.Session Graph get_default_graph reset_default_graph placeholder
        global_variables_initializer compat.v1.global_variables_initializer local_variables_initializer
        variables_initializer""",
    "test_a_saved_model_is_loaded_with_its_signature_and_a_model_saved_as_one": "saved_model.load saved_model.save",
    "test_devices_are_told_truthfully": """
        config.list_physical_devices config.list_logical_devices config.experimental.set_memory_growth
        config.LogicalDeviceConfiguration config.set_logical_device_configuration test.is_gpu_available""",
    "test_functions_and_devices_run_directly": "device get_logger",
    "test_random_numbers_have_the_shape_range_and_seed_asked_for": """
        random.uniform random.normal random.set_seed random.categorical random.shuffle set_random_seed
        experimental.numpy.random.randint""",
    "test_random_changes_of_images_stay_in_range": """
        image.random_flip_left_right image.random_crop image.random_brightness image.random_contrast""",
    "test_variables_change_in_place": "Variable assign get_variable variable_scope random_normal_initializer",
    "test_initializers_and_optimizers_of_version_1_are_keras": """
        random_uniform_initializer contrib.layers.xavier_initializer train.AdamOptimizer compat.v1.train.AdamOptimizer
        compat.v1.train.AdagradOptimizer compat.v1.train.GradientDescentOptimizer compat.v1.layers.Dense""",
    "test_pictures_and_sounds_are_read_from_files": """
        io.read_file image.decode_jpeg io.decode_jpeg image.decode_png io.decode_png io.encode_jpeg audio.decode_wav
        io.gfile.glob""",
    "test_one_replica_runs_what_it_is_given": """
        distribute.MirroredStrategy distribute.get_strategy compat.v1.distribute.MirroredStrategy""",
    "test_the_lines_that_scripts_begin_with": """
        distribute.cluster_resolver.TPUClusterResolver distribute.cluster_resolver.TPUClusterResolver.connect""",
    "test_rows_are_made_of_lists_splits_and_lengths": "ragged.constant",
    "test_control_flow_runs": "cond map_fn control_dependencies name_scope group TensorArray stop_gradient",
    "test_checkpoints_bring_values_back": """
        train.Checkpoint train.CheckpointManager train.latest_checkpoint compat.v1.train.latest_checkpoint""",
    "test_summaries_are_written": """
        summary.create_file_writer summary.scalar summary.histogram summary.FileWriter""",
    "test_modules_list_their_variables": "Module",
    "test_descriptions_of_tensors": "TensorSpec TensorShape Tensor nest.flatten IndexedSlices keras",
    "test_sparse_tensors_are_torchs": "SparseTensor sparse.to_dense sparse.add sparse.reduce_sum",
    "test_values_are_printed_and_checked": "Print errors.InvalidArgumentError",
    "test_ways_of_resizing_have_names": "image.ResizeMethod.NEAREST_NEIGHBOR",
    "test_a_pipeline_feeds_a_model": """
        data.Dataset data.Dataset.from_tensor_slices compat.v1.data.Dataset.from_tensor_slices data.AUTOTUNE
        data.experimental.AUTOTUNE""",
    "test_sources_of_elements": """
        data.Dataset.zip data.Dataset.from_generator data.Dataset.from_tensors data.Dataset.range
        data.Dataset.list_files data.experimental.cardinality data.Options""",
    "test_lines_of_files_are_elements": "data.TextLineDataset",
    "test_a_pipeline_of_records_feeds_a_model": """
        data.TFRecordDataset io.TFRecordWriter io.FixedLenFeature io.parse_single_example io.parse_example""",
    "test_examples_are_written_and_read_as_tensorflow_does": """
        train.Example train.Feature train.Features train.BytesList train.Int64List""",
    "test_examples_are_parsed_to_tensorflows_values": "io.VarLenFeature",
    "test_tables_become_batches_of_columns": "data.experimental.make_csv_dataset data.experimental.CsvDataset",
    "test_variables_of_a_graph_are_trained": "compat.v1.train.get_global_step",
    "test_a_saver_brings_variables_back": "train.Saver",
    "test_tables_are_looked_up": "lookup.KeyValueTensorInitializer",
    "test_version_1_casts": "to_float to_int32",
    "test_functions_go_on_from_batch_to_batch": "metrics.mean_iou",
}
BY_BEHAVIOUR = {name for names in BEHAVIOUR.values() for name in names.split()}


@pytest.fixture(scope="module")
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def resolve(tf, name):
    """Look a name up; what only TensorFlow 1 had answers below `tf`, too."""
    for part in name.split("."):
        tf = getattr(tf, part)
    return tf


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_files_use_works_or_says_what_does(tf, name: str):
    short = name.removeprefix("compat.v1.")
    is_shown = name in WITH_VALUES or name in BY_BEHAVIOUR
    # `tf.metrics` is Keras's; TensorFlow 1 had functions there.
    name = f"compat.v1.{name}" if name.startswith("metrics.") else name
    if is_shown:
        # `__version__` and None, which `newaxis` is, are values like others.
        resolve(tf, name)
        return
    with pytest.raises(AttributeError, match=r"`tensorflow\.[\w.]+` is not available") as caught:
        found = resolve(tf, name)
        # A class that packages ask `isinstance` for is refused when it is made.
        if short in refusals.NAMES:
            found()
    parts = short.split(".")
    rows = [short, *(f"{'.'.join(parts[:end])}.*" for end in range(len(parts), 0, -1))]
    ways = [refusals.FUNCTIONS[row] for row in rows if row in refusals.FUNCTIONS]
    assert ways, f"{name} is neither tested nor refused"
    assert any(way in str(caught.value) for way in ways)


def test_the_functions_that_show_behaviour_are_there():
    source = "".join(file.read_text(encoding="utf-8") for file in FOLDER.glob("test_tensorflow_*.py"))
    assert [name for name in BEHAVIOUR if f"def {name}(" not in source] == []
    assert BY_BEHAVIOUR.issubset(NAMES)


def test_names_without_a_value_test_are_in_one_table_only():
    assert BY_BEHAVIOUR.isdisjoint(WITH_VALUES)
