"""Processes that are killed by SIGKILL, at random, again and again, lose nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_script.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the script forks")
def test_trainings_killed_thirty_times_end_bit_for_bit_like_one_left_alone():
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), "1"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    problems: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        problems.update(json.loads(line))
    assert len(problems) == 5
    assert not any(problems.values()), problems
