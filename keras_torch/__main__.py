"""`python -m keras_torch`: the same as the command `keras-torch`."""

from __future__ import annotations

import sys

from keras_torch.cli import main

if __name__ == "__main__":
    sys.exit(main())
