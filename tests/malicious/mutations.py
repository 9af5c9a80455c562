"""Seeded damage to valid files: bytes, and the structure of JSON, YAML, HDF5, zip and what TensorFlow writes."""

import copy
import io
import json
import random
import zipfile

import h5py
import numpy as np
import yaml

from keras_torch.saving.tensorflow import bundle, program, protobuf
from keras_torch.saving.tensorflow.crc32c import masked

# What a config's values are replaced by.
VALUES = [
    None,
    True,
    -1,
    0,
    1.5,
    10**12,
    -(10**30),
    float("nan"),
    float("inf"),
    "",
    "relu",
    "object",
    "/etc/passwd",
    "../../x",
    "\ud800",
    "a\0b",
    "x" * 5000,
    [],
    {},
    [None],
    [[[[]]]],
    [1, 2, 3],
    ["input_1", 0, 0],
    ["input_1", -1, 10**9, {}],
    {"class_name": "Dense", "config": {"units": 3}},
    {"class_name": "Lambda", "config": {"name": "l", "function": ["AAAA", None, None], "function_type": "lambda"}},
    {"class_name": "function", "module": "os", "config": "system", "registered_name": "system"},
    {"class_name": "__tensor__", "config": {"value": [1.0], "dtype": "float32"}},
    {"class_name": "__keras_tensor__", "config": {"shape": [10**9], "dtype": "float32", "keras_history": ["a", 0, 0]}},
]


def mutate_bytes(data, rng):
    """Flip, zero, fill, repeat, remove or insert bytes."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 3, 20])):
        if not data:
            break
        at, size = rng.randrange(len(data)), rng.choice([1, 1, 2, 4, 8, 64, 512])
        kind = rng.randrange(7)
        if kind <= 2:
            for i in range(at, min(at + size, len(data))):
                data[i] = rng.randrange(256) if kind else data[i] ^ 1 << rng.randrange(8)
        elif kind == 3:
            data[at : at + size] = rng.choice([b"\0", b"\xff"]) * len(data[at : at + size])
        elif kind == 4:
            source = rng.randrange(len(data))
            data[at : at + size] = data[source : source + len(data[at : at + size])]
        elif kind == 5:
            del data[at : at + size]
        else:
            data[at:at] = data[at : at + size]
    return bytes(data)


def _places(tree, found):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, item in items:
        found.append((tree, key))
        _places(item, found)
    return found


def mutate_tree(tree, rng):
    """Replace, remove, rename, repeat or move parts of parsed JSON."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice([1, 1, 2, 4])):
        places = _places(tree, [])
        if not places:
            return rng.choice(VALUES)
        owner, key = rng.choice(places)
        kind = rng.randrange(8)
        if kind <= 2:
            owner[key] = copy.deepcopy(rng.choice(VALUES))
        elif kind == 3:
            del owner[key]
        elif kind == 4 and isinstance(owner, dict):
            owner[rng.choice(["module", "weights", "vocabulary", "function", "dtype", "name", "x"])] = owner.pop(key)
        elif kind == 5 and isinstance(owner, list):
            owner.insert(key, copy.deepcopy(owner[key]))
        elif kind == 6:
            other, other_key = rng.choice(places)
            owner[key] = copy.deepcopy(other[other_key])
        elif isinstance(owner[key], (int, float)) and not isinstance(owner[key], bool):
            owner[key] = rng.choice([-owner[key], owner[key] + 1, owner[key] * 10**6, str(owner[key])])
        else:
            owner[key] = [owner[key]]
    return tree


def mutate_json(text, rng):
    if rng.random() < 0.3:
        return mutate_bytes(text.encode(), rng).decode("utf-8", "replace")
    return json.dumps(mutate_tree(json.loads(text), rng))


def mutate_yaml(text, rng):
    if rng.random() < 0.4:
        return mutate_bytes(text.encode(), rng).decode("utf-8", "replace")
    return yaml.dump(mutate_tree(yaml.safe_load(text), rng))


def _nodes(file):
    found = [file]
    file.visititems(lambda _, item: found.append(item))
    return found


def mutate_hdf5(data, rng):
    """Damage the bytes, or change attributes, arrays and groups by way of h5py."""
    if rng.random() < 0.5:
        return mutate_bytes(data, rng)
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        for _ in range(rng.choice([1, 1, 2])):
            node = rng.choice(_nodes(file))
            if node.attrs and rng.random() < 0.7:
                _mutate_attribute(node, rng.choice(list(node.attrs)), rng)
            elif isinstance(node, h5py.Dataset):
                _mutate_dataset(node, rng)
            elif len(node):
                _mutate_member(file, node, rng.choice(list(node)), rng)
    return buffer.getvalue()


def _mutate_attribute(node, name, rng):
    value = node.attrs[name]
    text = value.decode() if isinstance(value, bytes) else value
    if isinstance(text, str) and text.startswith("{") and rng.random() < 0.9:
        node.attrs[name] = mutate_json(text, rng).replace("\0", "").encode(errors="replace").decode()
        return
    kind = rng.randrange(6)
    if kind == 0:
        del node.attrs[name]
    elif kind == 1:
        node.attrs[name] = rng.choice([3, 1.5, np.arange(7), "x", b"\xff\xfe", np.array([[b"a", b"b"]]), ""])
    elif kind == 2 and isinstance(value, np.ndarray) and value.size:
        values = [rng.choice(list(value)) for _ in range(rng.randrange(2 * value.size + 1))]
        node.attrs[name] = np.asarray(values, "S")
    elif kind == 3 and isinstance(value, np.ndarray) and value.size:
        values = list(value)
        values[rng.randrange(len(values))] = rng.choice([b"../x", b"/", b"", b"model_weights", b"a" * 300])
        node.attrs[name] = np.asarray(values, "S")
    elif kind == 4:
        node.attrs[name + "0"] = value
    else:
        node.attrs[name] = rng.choice(["1.2.2", "2.2.4", "2.15.0", "3.0.0", "999", "theano", "é" * 100])


def _mutate_dataset(node, rng):
    parent, name = node.parent, node.name.rsplit("/", 1)[-1]
    shape, dtype = node.shape, node.dtype
    values = node[()] if node.nbytes < 2**20 else np.zeros((), dtype)
    del parent[name]
    kind = rng.randrange(6)
    if kind == 0:
        parent.create_dataset(name, (*shape, 2), dtype)
    elif kind == 1:
        parent.create_dataset(name, data=np.full(shape, 3, rng.choice(["float16", "float64", "int8", "complex64"])))
    elif kind == 2 and shape:
        parent.create_dataset(name, shape, dtype, chunks=True, maxshape=(None, *shape[1:]), compression="gzip")
    elif kind == 3:
        parent.create_dataset(name, (10**9, *shape[1:]), dtype, chunks=tuple(max(n, 1) for n in shape) or None)
    elif kind == 4:
        parent.create_dataset(name, shape, h5py.string_dtype() if shape else dtype)
    else:
        parent[name] = values


def _mutate_member(file, node, name, rng):
    kind = rng.randrange(5)
    if kind == 0:
        del node[name]
    elif kind == 1:
        node.move(name, rng.choice(["moved", name + "_1"]))
    elif kind == 2:
        del node[name]
        node[name] = h5py.SoftLink("/model_weights")
    elif kind == 3:
        del node[name]
        node[name] = h5py.ExternalLink("/etc/hostname", "/")
    else:
        node["copy"] = file[rng.choice(list(file))] if len(file) else file


def mutate_zip(data, rng):
    """Damage the bytes, or a member, or the list of members."""
    if rng.random() < 0.4:
        return mutate_bytes(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = list(members)
    target = rng.choice(names)
    kind = rng.randrange(6)
    if kind <= 2:
        target = rng.choice([name for name in names if name.endswith((".json", ".h5"))])
        if target.endswith(".h5"):
            members[target] = mutate_hdf5(members[target], rng)
        else:
            members[target] = mutate_json(members[target].decode(), rng).encode(errors="replace")
    elif kind == 3:
        del members[target]
    elif kind == 4:
        members[rng.choice(["../x", "/tmp/x", "assets/../../x", "config.json/", target.upper()])] = members.pop(target)
    else:
        members[rng.choice(names)] = members[target]
    buffer = io.BytesIO()
    with zipfile.ZipFile(
        buffer, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    ) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _mutate_metadata(data, rng):
    """Change the description of the model in `keras_metadata.pb`, which comes first."""
    first, *_ = program.messages(data, 1)
    described = mutate_json(program.text(first, 5), rng).encode(errors="replace")
    kind = rng.choice([program.text(first, 4), "_tf_keras_model"]).encode()
    return protobuf.field(1, protobuf.field(4, kind) + protobuf.field(5, described))


def _mutate_index(data, rng):
    """Damage a block of an index, or nothing, and let its checksum fit."""
    _, at = bundle._handle(data, len(data) - bundle.FOOTER)
    (start, size), _ = bundle._handle(data, at)
    if rng.random() < 0.7:
        (start, size), _ = bundle._handle(rng.choice(list(bundle._block(data, (start, size))))[1], 0)
    block = mutate_bytes(data[start : start + size], rng)[:size].ljust(size, b"\0") + b"\0"
    return data[:start] + block + masked(block).to_bytes(4, "little") + data[start + size + 5 :]


def mutate_folder(data, rng):
    """Damage a file of a SavedModel or a checkpoint, given as a zip, or leave it out, or put it in another's place."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    target = rng.choice(list(members))
    kind = rng.random()
    if kind < 0.05:
        del members[target]
    elif kind < 0.1:
        members[rng.choice(list(members))] = members[target]
    elif target.endswith("metadata.pb") and kind < 0.8:
        members[target] = _mutate_metadata(members[target], rng)
    elif target.endswith(".index") and kind < 0.8:
        members[target] = _mutate_index(members[target], rng)
    else:
        members[target] = mutate_bytes(members[target], rng)
    return honest_zip(members)


def honest_zip(members):
    """Return a zip of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


MUTATE = {
    "h5": mutate_hdf5,
    "weights.h5": mutate_hdf5,
    "keras": mutate_zip,
    "json": mutate_json,
    "yaml": mutate_yaml,
    "saved_model": mutate_folder,
    "ckpt": mutate_folder,
}


def damaged(content, kind, number):
    """Return the mutation of that number of a valid file's content."""
    return MUTATE[kind](content, random.Random(f"{kind} {number}"))
