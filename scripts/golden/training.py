"""Write tests/golden/training.json: results of the trainings in tests/training/fit_cases.py.

Run by Keras 2.15.0 on TensorFlow 2.15: `python scripts/golden/training.py`. Seeds are in the cases.
"""

import json
import sys
from pathlib import Path

import tensorflow as tf

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "training"))

from fit_cases import CASES  # noqa: E402

results = {name: case(tf.keras) for name, case in CASES.items()}
target = ROOT / "tests" / "golden" / "training.json"
target.write_text(json.dumps({"keras": tf.__version__, "cases": results}, indent=1) + "\n")
