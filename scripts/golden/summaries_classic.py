"""Write tests/golden/summaries_keras<version>.json: what `model.summary()` prints in real Keras 1.2.2 or 2.2.4.

They run on Theano, as saving_h5_classic.py says; nothing is random.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

from old_python import restore

restore()

import keras  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
names: dict = {}
exec((ROOT / "tests" / "utils" / "summary_models.py").read_text(), names)
printed = {}
for name, (model, options) in names["classic_models"](keras).items():
    with contextlib.redirect_stdout(io.StringIO()) as output:
        model.summary(**options)
    printed[name] = output.getvalue().splitlines()
target = ROOT / "tests" / "golden" / f"summaries_keras{keras.__version__.replace('.', '')}.json"
target.write_text(json.dumps({"keras": keras.__version__, "printed": printed}, indent=1) + "\n", encoding="utf-8")
