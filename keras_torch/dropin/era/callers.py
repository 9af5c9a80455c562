"""Who calls: changed behaviour is for scripts of the time, and not for the libraries that they import."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

_FOLDERS = {sysconfig.get_paths()[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
_LIBRARIES = (*(folder + os.sep for folder in {*_FOLDERS, str(Path(__file__).parents[2])}), "<frozen")


def called_by_a_script() -> bool:
    """Whether the caller's caller is neither an installed library nor this package."""
    return not sys._getframe(2).f_code.co_filename.startswith(_LIBRARIES)
