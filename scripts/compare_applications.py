"""Check that weights which real Keras saves from its applications load and predict the same: exit status 1 if not.

    scripts/compare_applications.py --python /path/to/keras/venv/bin/python [--only MobileNet]

The other interpreter has Keras 2.15 on TensorFlow and nothing of ours. It builds each network with the classifier and
without, draws weights, and saves them as HDF5 and the whole as .keras. Here the weights are loaded by name, in order
and by `weights=`, those with the classifier also by name into the network without, and the .keras file as a whole.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent / "golden"))
import applications_cases as cases  # noqa: E402

ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1"}
NETWORKS = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "DenseNet121", "NASNetMobile", "EfficientNetB0"),
    *("EfficientNetV2B0", "ResNet50", "ResNet50V2", "Xception", "ConvNeXtTiny", "RegNetY002", "InceptionResNetV2"),
)
TOLERANCE = 1e-4
OTHER_SIDE = """
import json, sys
folder, scripts = sys.argv[1:]
sys.path.insert(0, scripts)
import applications_cases as cases
import keras
import numpy as np
for name, size, values, variance, options in json.load(open(folder + "/cases.json")):
    for top in (True, False):
        keras.backend.clear_session()
        given = dict(options, classes=10, classifier_activation=None) if top else dict(options, pooling="avg")
        model = getattr(keras.applications, name)(weights=None, include_top=top, input_shape=(size, size, 3), **given)
        count = 0
        for layer in model.layers:
            drawn = [cases.weight_value(count + n, w.name, w.shape, variance) for n, w in enumerate(layer.weights)]
            layer.set_weights(drawn)
            count += len(drawn)
        stem = f"{folder}/{name}_{top}"
        model.save_weights(stem + ".h5")
        model.save(stem + ".keras")
        np.save(stem + ".npy", model.predict(cases.image(size, values), verbose=0))
"""


def loaded(name, size, options, folder, top):
    """Yield the ways of loading and the models they give."""
    from keras_torch import applications, saving

    given = {**options, "classes": 10, "classifier_activation": None} if top else {**options, "pooling": "avg"}
    given.update(include_top=top, input_shape=(size, size, 3))
    stem = f"{folder}/{name}_{top}"

    def fresh(weights=None):
        return getattr(applications, name)(weights=weights, **given)

    model = fresh()
    model.load_weights(stem + ".h5", by_name=True)
    yield "by name", model
    model = fresh()
    model.load_weights(stem + ".h5")
    yield "in order", model
    yield "weights=", fresh(stem + ".h5")
    yield ".keras", saving.load_model(stem + ".keras")
    # Without the classifier, the last normalization of ConvNeXt has another name in Keras.
    if not top and not name.startswith("ConvNeXt"):
        model = fresh()
        model.load_weights(f"{folder}/{name}_True.h5", by_name=True)
        yield "with the classifier's file", model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="interpreter of an environment with Keras 2.15")
    parser.add_argument("--only", nargs="*", default=NETWORKS, help="names of applications")
    given = parser.parse_args()
    wanted = [case for case in cases.PREDICTIONS if case[0] in given.only]
    worst_of_all = 0.0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "cases.json").write_text(json.dumps(wanted))
        command = [given.python, "-W", "ignore", "-c", OTHER_SIDE, folder, str(Path(__file__).parent / "golden")]
        subprocess.run(command, env={**os.environ, **ENVIRONMENT}, check=True, stderr=subprocess.DEVNULL)
        for name, size, values, _, options in wanted:
            for top in (True, False):
                expected = np.load(f"{folder}/{name}_{top}.npy")
                found = {}
                for way, model in loaded(name, size, options, folder, top):
                    result = model.predict(cases.image(size, values), verbose=0)
                    found[way] = float(np.abs(result - expected).max() / np.abs(expected).max())
                worst_of_all = max(worst_of_all, *found.values())
                shown = ", ".join(f"{way} {value:.1e}" for way, value in found.items())
                print(f"{name}{'' if top else ' without classifier'}: {shown}", flush=True)
    print(f"largest difference, of the largest output: {worst_of_all:.1e}")
    return int(not worst_of_all <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
