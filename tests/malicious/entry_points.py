"""Every way to a model or an object, and the containers that a config travels in: one row each."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import yaml

import keras_torch as keras
from keras_torch.saving.tensorflow import protobuf

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
with zipfile.ZipFile(GOLDEN / "saved_models_keras2150.zip") as golden:
    # The checkpoint of a model without weights.
    NO_WEIGHTS = {
        name: golden.read(f"counted/variables/{name}") for name in ("variables.index", "variables.data-00000-of-00001")
    }


def write_h5(path, config):
    """A whole-model file without any weights."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights").attrs["layer_names"] = []
    return path


def write_keras(path, config):
    """A Keras archive without any weights."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("layers")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", buffer.getvalue())
    return path


def write_folder(path, config):
    """An unpacked Keras archive."""
    with zipfile.ZipFile(write_keras(path.with_suffix(".zip"), config)) as archive:
        archive.extractall(path)
    return path


def write_saved_model(path, config):
    """A SavedModel of tf.keras without any weights."""
    (path / "variables").mkdir(parents=True, exist_ok=True)
    for name, content in NO_WEIGHTS.items():
        (path / "variables" / name).write_bytes(content)
    noted = json.dumps({"keras_version": "2.15.0", "model_config": config, "training_config": None})
    parts = (b"root", b"_tf_keras_network", noted.encode())
    message = b"".join(protobuf.field(3 + place, part) for place, part in enumerate(parts))
    (path / "keras_metadata.pb").write_bytes(protobuf.field(1, message))
    return path


def _through_objects(load, write):
    def call(folder, config):
        return load(io.BytesIO(write(folder / "object", config).read_bytes()))

    return call


def _open_hdf5(folder, config):
    with h5py.File(write_h5(folder / "m.h5", config), "r") as file:
        return keras.models.load_model(file)


def _json_file(folder, config):
    (folder / "m.json").write_text(json.dumps(config))
    return folder / "m.json"


def _model_class(config):
    return keras.Sequential if config["class_name"] == "Sequential" else keras.Model


# What reads a whole model's config: (name, how).
MODELS = {
    "load_model h5": lambda folder, config: keras.models.load_model(write_h5(folder / "m.h5", config)),
    "load_model h5, uncompiled": lambda f, config: keras.saving.load_model(write_h5(f / "m", config), compile=False),
    "load_model h5 object": _through_objects(lambda file: keras.models.load_model(file), write_h5),
    "load_model open h5": _open_hdf5,
    "load_model keras": lambda folder, config: keras.models.load_model(write_keras(folder / "m.keras", config)),
    "load_model keras object": _through_objects(lambda file: keras.models.load_model(file), write_keras),
    "load_model folder": lambda folder, config: keras.models.load_model(write_folder(folder / "unpacked", config)),
    "load_model saved model": lambda folder, config: keras.models.load_model(write_saved_model(folder / "sm", config)),
    "model_from_json": lambda folder, config: keras.models.model_from_json(json.dumps(config)),
    "model_from_yaml": lambda folder, config: keras.models.model_from_yaml(yaml.safe_dump(config)),
    "model_from_config": lambda folder, config: keras.models.model_from_config(config),
    "layers.deserialize": lambda folder, config: keras.layers.deserialize(config),
    "deserialize_keras_object": lambda folder, config: keras.saving.deserialize_keras_object(config),
    "from_config": lambda folder, config: _model_class(config).from_config(config["config"]),
    "inspect h5": lambda folder, config: str(keras.saving.inspect(write_h5(folder / "m.h5", config))),
    "inspect keras": lambda folder, config: str(keras.saving.inspect(write_keras(folder / "m.keras", config))),
    "inspect json": lambda folder, config: str(keras.saving.inspect(_json_file(folder, config))),
    "inspect saved model": lambda folder, config: str(keras.saving.inspect(write_saved_model(folder / "sm", config))),
    "convert h5": lambda f, config: keras.saving.convert(write_h5(f / "m.h5", config), f / "out.keras"),
    "convert keras": lambda f, config: keras.saving.convert(write_keras(f / "m.keras", config), f / "out.h5"),
    "convert to a module of torch": lambda f, config: keras.saving.convert(write_keras(f / "m", config), f / "m.pt"),
    "to_torch": lambda f, config: keras.saving.to_torch(keras.models.model_from_config(config)),
    "clone_model": lambda f, config: keras.models.clone_model(keras.models.model_from_config(config)),
}
# Those that the others lead to: each of the configs goes through these, some go through all.
MAIN = (
    "load_model h5",
    "load_model keras",
    "model_from_yaml",
    "layers.deserialize",
    "deserialize_keras_object",
    "from_config",
)
# What only lists a file, and so may do so with anything.
LISTS = ("inspect h5", "inspect keras", "inspect json", "inspect saved model")
