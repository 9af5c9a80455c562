"""Write tests/golden/compile_names_keras<version>.json: results of tests/training/compile_name_cases.py.

Run by Keras 2.15.0 on TensorFlow 2.15, by Keras 3.15.1 with KERAS_BACKEND=torch, and by 1.2.2 and 2.2.4 on Theano,
which saving_h5_classic.py installs. Seeds 1, 3 and 5 are in the cases.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "training"))

if any(Path(folder).name in ("Keras-1.2.2", "Keras-2.2.4") for folder in sys.path):
    from old_python import restore

    restore()

import keras  # noqa: E402
from compile_name_cases import names, result  # noqa: E402

DIALECT = {"1.": "1", "2.2": "2", "2.15": "tf", "3.": "3"}
dialect = next(name for start, name in DIALECT.items() if keras.__version__.startswith(start))
results = {}
for name in names(dialect):
    if dialect == "tf":
        keras.backend.clear_session()
    elif dialect == "3":
        keras.utils.clear_session()
    results[name] = result(keras, name, dialect)
version = "".join(keras.__version__.split(".")[: 2 if dialect in ("tf", "3") else 3])
target = ROOT / "tests" / "golden" / f"compile_names_keras{version}.json"
target.write_text(json.dumps({"keras": keras.__version__, "cases": results}, indent=1) + "\n")
