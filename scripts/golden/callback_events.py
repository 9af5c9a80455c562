"""Write tests/golden/callback_events_keras<version>.json: which hooks real Keras calls, when, with which logs.

Run with Keras 2.15.0 on TensorFlow, and with Keras 3.15.1 on torch. Each case calls fit, evaluate or predict; its
trace lists the hook, the index of the epoch or batch, and the logs. Weights are constant and nothing is shuffled, so
no seed matters.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from callback_event_cases import CASES, play  # noqa: E402

# Keras 3 on torch has no steps_per_execution, and takes no nested lists.
chosen = {
    name: case for name, case in CASES.items()
    if keras.__version__[0] == "2" or ("steps_per_execution" not in case.get("compiled", {}) and name != "nested")
}  # fmt: skip
result = {name: play(keras, np, **case) for name, case in chosen.items()}
target = Path("tests/golden") / f"callback_events_keras{keras.__version__.replace('.', '')}.json"
target.write_text(json.dumps({"keras": keras.__version__, "traces": result}, separators=(",", ":")) + "\n")
print(f"{target}: {len(result)} cases")
