"""Convert every model file of real Keras there and back between all formats: exit status 1 if an array differs.

    scripts/check_conversions.py [--only NAME ...] [--versions 2.15 ...]

The files are those of tests/golden. Each becomes every format, the same bits whichever file of the model it was made
of; each of those becomes each other, and must hold then what the file of that format held: so that A to B to A keeps
every array. What the model itself holds is compared with the file that Keras wrote. Of state dicts in `.safetensors`
nothing is seen unless safetensors is installed. Models whose files Keras itself cannot read again are left out:
`UNREADABLE`.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import itertools
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "golden"), str(ROOT / "tests" / "saving")]

import golden_files  # noqa: E402
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from keras_torch import backend, config, saving  # noqa: E402
from keras_torch.saving import beside  # noqa: E402

WHOLE, WEIGHTS = ("h5", "keras"), ("w.h5", "weights.h5", "pt", "safetensors")
BESIDE = f"{beside.GROUP}/"
# Golden formats that need a model beside them, and what the format is called here.
WEIGHTS_ALONE = {"weights.h5": "weights.h5", "weights": "w.h5"}

UNREADABLE = {
    "shared": "a layer in an inner and in the outer model stands in the file once, and Keras makes two of it when it "
    "reads, of which one has no arrays",
}


def sources(versions, only, folder):
    """Yield name, dialect, custom objects and files by format of every model that real Keras saved."""
    for version in (version for version in golden_files.VERSIONS if version in versions):
        kinds = ("h5", "keras", *WEIGHTS_ALONE)
        for name in [name for name, entry in golden_files.TABLE.items() if version in entry.keras]:
            found = {kind for kind in kinds if golden_files.exists(version, name, kind)}
            if name in UNREADABLE:
                print(f"{version} {name}: left out, for {UNREADABLE[name]}", flush=True)
                continue
            if found.intersection(WHOLE) and (not only or name in only):
                try:
                    dialect, objects = golden_files.VERSIONS[version][1], golden_files.data(version, name)[2]
                except ModuleNotFoundError as error:
                    print(f"{version} {name}: left out, for want of {error.name}", flush=True)
                    continue
                paths = {kind: golden_files.write(version, name, kind, folder) for kind in kinds if kind in found}
                yield f"{version} {name}", dialect, objects, paths
    for archive in sorted(golden_files.GOLDEN.glob("saving_h5_keras*.zip")):
        version = archive.stem.removeprefix("saving_h5_keras")
        with zipfile.ZipFile(archive) as files:
            for name in [name for name in files.namelist() if name.endswith(".h5")]:
                if version in versions and (not only or Path(name).stem in only):
                    yield f"{version} {name}", None, None, {"h5": Path(files.extract(name, folder))}


def arrays(path):
    """Return the arrays of a file, as they are, by the names that they have in it."""
    if path.suffix == ".pt":
        return {key: value.numpy() for key, value in torch.load(path, weights_only=True).items()}
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return {key: value.numpy() for key, value in load_file(path).items()}
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            path = io.BytesIO(archive.read("model.weights.h5"))
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def without_optimizer(found):
    return {name: value for name, value in found.items() if not name.removeprefix(BESIDE).startswith("optimizer")}


def unequal(found, expected):
    """Return the names of what is not the same, bit by bit."""
    if found.keys() != expected.keys():
        return sorted(found.keys() ^ expected.keys())
    pairs = ((name, value, found[name]) for name, value in expected.items())
    return [name for name, one, other in pairs if one.dtype != other.dtype or one.tobytes() != other.tobytes()]


def differences(paths, objects, folder):
    """Yield what is unequal between the formats of one model, in words, and None for every comparison."""
    # Subclassed models have no graph for an `.h5` file, and Keras wrote none.
    left_out = {"h5"} - paths.keys() | (set() if importlib.util.find_spec("safetensors") else {"safetensors"})
    whole = next(paths[kind] for kind in ("keras", "h5") if kind in paths)

    backend.reset_uids()
    blank = saving.load_model(whole, objects, compile=False, safe_mode=False)
    # A state dict without tensors is taken for a mistake.
    left_out |= set() if blank.weights else {"pt", "safetensors"}
    formats = [kind for kind in (*WHOLE, *WEIGHTS) if kind not in left_out]

    def converted(source, name, kind):
        target = folder / f"{name}.{kind}"
        # Layers inside of custom layers are named by counting, and nothing is to be there but what the file gives.
        backend.reset_uids()
        blank.set_weights([np.zeros_like(array) for array in blank.get_weights()])
        more = {"architecture": blank, "custom_objects": objects, "safe_mode": False}
        saving.convert(source, target, weights_only=kind == "w.h5", **more)
        return target

    def same(words, found, expected):
        names = unequal(found, expected)
        return f"{words}: {names[:4]}" if names else None

    reference = {kind: converted(whole, "reference", kind) for kind in formats}
    expected = {kind: arrays(path) for kind, path in reference.items()}
    held = saving.load_model(whole, objects, safe_mode=False)
    for kind in set(WHOLE).intersection(formats):
        again = saving.load_model(reference[kind], objects, safe_mode=False)
        yield same(f"model in {whole.name} and {kind}", state(again), state(held))
    with_state = bool(saving.inspect(whole).optimizer)
    for (kind, source), target in itertools.product(paths.items(), formats):
        if source != whole:
            found = arrays(converted(source, "other", target))
            # tf.keras puts the state of optimizers of before 2.11 into `.h5` files alone.
            alone = kind in WEIGHTS_ALONE or bool(saving.inspect(source).optimizer) != with_state
            yield same(
                f"{source.name} and {whole.name} to {target}",
                without_optimizer(found) if alone else found,
                without_optimizer(expected[target]) if alone else expected[target],
            )
    for first, second in itertools.permutations(formats, 2):
        found, wanted = arrays(converted(reference[first], "back", second)), expected[second]
        if first not in WHOLE:
            found, wanted = without_optimizer(found), without_optimizer(wanted)
        yield same(f"{first} to {second}", found, wanted)


def state(model):
    """Return the weights of a model and its optimizer's, numbered."""
    weights = {str(number): value for number, value in enumerate(model.get_weights())}
    optimizer = getattr(model, "optimizer", None)
    slots = enumerate(np.asarray(slot) for slot in (optimizer.variables if optimizer is not None else ()))
    return weights | {f"slot {number}": value for number, value in slots}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of models")
    parser.add_argument("--versions", nargs="*", default=["1.2.2", "2.2.4", "2.15", "2.15.0", "3.15", "3.15.1"])
    arguments = parser.parse_args()
    wrong = compared = models = 0
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, dialect, objects, paths in sources(arguments.versions, arguments.only, Path(place)):
            models += 1
            folder = Path(place, "converted")
            folder.mkdir(exist_ok=True)
            try:
                with config.dialect_scope(dialect):
                    found = list(differences(paths, objects, folder))
            except Exception as error:
                found = [f"{type(error).__name__}: {error}"]
            said = [words for words in found if words]
            compared, wrong = compared + len(found), wrong + len(said)
            for words in said:
                print(f"{name}: {words[:300]}", flush=True)
    print(f"{models} models, {compared} comparisons, {wrong} differ")
    return int(wrong > 0 or not models)


if __name__ == "__main__":
    sys.exit(main())
