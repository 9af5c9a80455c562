"""tests/golden/MANIFEST.json names where each golden file comes from.

`keras` is the version that wrote the file, or whose formulas it follows; `seed` is a number, a list of them, or null
where nothing is drawn at random. A file that is written by hand has neither version nor script.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
MANIFEST = json.loads((GOLDEN / "MANIFEST.json").read_text(encoding="utf-8"))


def test_the_manifest_lists_the_golden_files_and_no_others() -> None:
    assert sorted(MANIFEST) == sorted(file.name for file in GOLDEN.iterdir() if file.name != "MANIFEST.json")


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_an_entry_names_version_script_and_seed(name: str) -> None:
    entry = MANIFEST[name]
    assert set(entry) == {"keras", "script", "seed"}
    assert entry["keras"] in ("1.2.2", "2.2.4", "2.15.0", "3.15.1", None)
    assert (entry["keras"] is None) == (entry["script"] is None)
    seeds = entry["seed"] if isinstance(entry["seed"], list) else [entry["seed"]]
    assert seeds == [None] or all(isinstance(seed, int) for seed in seeds)


@pytest.mark.parametrize("name", sorted(name for name, entry in MANIFEST.items() if entry["script"]))
def test_the_script_of_a_golden_file_is_there_and_make_golden_runs_it(name: str) -> None:
    script = ROOT / MANIFEST[name]["script"]
    assert script.is_file()
    assert script.stem in (ROOT / "scripts" / "make_golden").read_text(encoding="utf-8")
