"""Write tests/golden/images_keras<version>.npz: what real Keras's `preprocessing.image` makes of the cases in
image_cases.py, seed 11.

Run with Keras 2.15.0 (and scipy, pillow, pandas), and with the folder of an unpacked sdist of Keras 1.2.2 or 2.2.4 as
argument: only their `preprocessing/image.py` is loaded, next to stand-ins for what it imports. That of 2.2.4 is
`keras_preprocessing==1.0.5`, which must be installed.
"""

import importlib
import os
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
from image_cases import results
from PIL import Image

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
SEED = 11


def first_keras(folder):
    """Load preprocessing.image of Keras 1.2.2. Files came as the system lists them, and Pillow resized to nearest."""
    walk, resize = os.walk, Image.Image.resize
    os.walk = lambda *args, **kwargs: (
        (root, sorted(dirs), sorted(names)) for root, dirs, names in walk(*args, **kwargs)
    )
    Image.Image.resize = lambda picture, size: resize(picture, size, Image.Resampling.NEAREST)
    backend = types.ModuleType("keras.backend")
    backend.floatx = lambda: "float32"
    backend.epsilon = lambda: 1e-7
    backend.image_dim_ordering = lambda: "tf"
    for name, path in (("keras", "keras"), ("keras.preprocessing", "keras/preprocessing")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder / path)]
    sys.modules.update({"keras.backend": backend})
    sys.modules["keras"].backend = backend
    return importlib.import_module("keras.preprocessing.image")


def second_keras():
    """Return the module that Keras 2.2.4 took its functions from."""
    return importlib.import_module("keras_preprocessing.image")


def last_keras():
    """Return the functions of Keras 2.15, also those that are not public."""
    from keras.preprocessing import image as public
    from keras.src.preprocessing import image as source

    datasets = {"image_dataset_from_directory": keras.utils.image_dataset_from_directory}
    return types.SimpleNamespace(**{**vars(source), **vars(public), **datasets})


if len(sys.argv) > 1:
    folder = Path(sys.argv[1])
    version = folder.name.rpartition("-")[2]
    image = first_keras(folder) if version[0] == "1" else second_keras()
else:
    import keras

    version, image = keras.__version__, last_keras()

with tempfile.TemporaryDirectory() as scratch:
    found = results(image, version, scratch)
np.savez_compressed(GOLDEN / f"images_keras{version.replace('.', '')}.npz", **found)
