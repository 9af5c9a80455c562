"""Write tests/golden/losses_fit_keras215.json or ..315.json: results of tests/losses/loss_cases.py.

Run by Keras 2.15.0 on TensorFlow 2.15 and by Keras 3.15.1 with KERAS_BACKEND=torch. Seeds are in the cases.
"""

import json
import sys
from pathlib import Path

import keras

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "losses"))

from loss_cases import CASES  # noqa: E402

OLD = keras.__version__.startswith("2.")
# Keras 3 needs one number per batch, and multiplies weights of samples with the last axis of what it has.
UNSUPPORTED = () if OLD else ("unreduced", "function_per_element_weighted", "masked_by_sample")

results = {name: case(keras) for name, case in CASES.items() if name not in UNSUPPORTED}
target = ROOT / "tests" / "golden" / f"losses_fit_keras{'215' if OLD else '315'}.json"
target.write_text(json.dumps({"keras": keras.__version__, "cases": results}, separators=(",", ":")) + "\n")
