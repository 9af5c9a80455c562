"""A sample of the mutations that scripts/fuzz_files.py goes through, and truncations."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_damaged_files_end_in_a_clear_error_or_a_model():
    command = [sys.executable, "-W", "ignore", str(ROOT / "scripts" / "fuzz_files.py"), "--count", "80"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=400, cwd=ROOT)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stderr
    assert lines[:-1] == [] and re.fullmatch(r"read \d+ damaged files", lines[-1])
