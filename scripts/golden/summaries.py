"""Write tests/golden/summaries_keras2.json: what `model.summary()` prints in real Keras 2.15.0 (no random numbers)."""

import json
import sys
from pathlib import Path

MODELS = Path(__file__).parents[2] / "tests" / "utils" / "summary_models.py"
namespace: dict = {}
exec(compile(MODELS.read_text(), str(MODELS), "exec"), namespace)

import keras  # noqa: E402

printed = {}
for name, (model, options) in namespace["models"](keras).items():
    lines: list[str] = []
    model.summary(print_fn=lines.append, **options)
    printed[name] = lines
target = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden") / "summaries_keras2.json"
target.write_text(json.dumps({"keras": keras.__version__, "printed": printed}, indent=1, ensure_ascii=False) + "\n")
print(f"{target}: {len(printed)} tables")
