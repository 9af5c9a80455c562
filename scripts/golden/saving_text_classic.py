"""Write what `to_json` and `to_yaml` of real Keras 1.2.2 or 2.2.4 return; no seed.

Of the models of saving_h5_classic.py, which tells how to run this, too: `PYTHONPATH=Keras-2.2.4 python
scripts/golden/saving_text_classic.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import saving_h5_classic

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"


def main():
    found = {}
    for name, build in saving_h5_classic.BUILDERS.items():
        model = build()[0]
        found[name] = {"json": model.to_json(), "yaml": model.to_yaml()}
    version = saving_h5_classic.keras.__version__.replace(".", "")
    target = GOLDEN / f"saving_text_keras{version}.json"
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
