"""Write tests/golden/fit_history_keras215.json or ..315.json: results of tests/training/history_cases.py and
setting_cases.py.

Run by Keras 2.15.0 on TensorFlow 2.15 and by Keras 3.15.1 with KERAS_BACKEND=torch:
`python scripts/golden/fit_history_keras.py`. Seeds are in the cases.
"""

import json
import sys
from pathlib import Path

import keras

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "training"))

import history_cases  # noqa: E402
import setting_cases  # noqa: E402

OLD = keras.__version__.startswith("2.")
# Keras 3.15 does not find sample weights that are given as a dict for a list of outputs, and takes only one step
# at a time on torch.
UNSUPPORTED = () if OLD else ("named_outputs_weighted", "several_steps_at_once")

cases = {**history_cases.CASES, **setting_cases.CASES}
results = {name: case(keras) for name, case in cases.items() if name not in UNSUPPORTED}
target = ROOT / "tests" / "golden" / f"fit_history_keras{'215' if OLD else '315'}.json"
target.write_text(json.dumps({"keras": keras.__version__, "cases": results}, indent=1) + "\n")
