"""Write tests/golden/applications_keras224.json.gz: the layers of the applications that came with Keras 2.2.4.

They were a package of their own, keras_applications 1.0.6, which builds on the modules of any Keras. A layer is
[class, name, [[weight, shape], ...]].

Run with Keras 2.15.0 on TensorFlow and the unpacked sdist of keras_applications 1.0.6 on PYTHONPATH.
"""

import importlib
from pathlib import Path

import applications_cases as cases
import keras

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
MODULES = {"backend": keras.backend, "layers": keras.layers, "models": keras.models, "utils": keras.utils}


def listing(module, name, options):
    keras.backend.clear_session()
    # Keras 2.15 has moved this function.
    keras.utils.get_source_inputs = importlib.import_module("keras.src.utils.layer_utils").get_source_inputs
    build = getattr(importlib.import_module(f"keras_applications.{module}"), name)
    model = build(weights=None, **options, **MODULES)
    rows = [
        [type(layer).__name__, layer.name, [[w.name, list(w.shape)] for w in layer.weights]] for layer in model.layers
    ]
    return {"name": model.name, "params": model.count_params(), "layers": rows}


found = [[*case, listing(*case)] for case in cases.CLASSIC]
cases.write(GOLDEN / "applications_keras224.json.gz", found)
