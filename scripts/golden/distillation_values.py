"""Write tests/golden/distillation_keras3151.json: losses of a Distiller, its weights after training, and its config.

Run with Keras 3.15.1 on torch. No random numbers.
"""

import json
import os
from pathlib import Path

import distillation_cases as cases

os.environ["KERAS_BACKEND"] = "torch"
import keras

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"


def main():
    found = {case: cases.trained(keras, case) for case in cases.CASES}
    found["config"] = cases.distiller(keras, "both").get_config()
    text = json.dumps(found, default=float, sort_keys=True)
    (GOLDEN / "distillation_keras3151.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
