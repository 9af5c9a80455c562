"""Padding, cropping, and upsampling."""

from __future__ import annotations

import numpy as np

from layer_cases import Case
from layer_cases.convolution import channels_first

_TWO = {
    "zeropad2d": Case("ZeroPadding2D", {"padding": ((1, 0), (2, 1))}, [(2, 3, 2, 2)]),
    "zeropad2d-ints": Case("ZeroPadding2D", {"padding": (1, 2)}, [(1, 3, 2, 2)]),
    "crop2d": Case("Cropping2D", {"cropping": ((1, 0), (2, 1))}, [(2, 4, 5, 2)]),
    "up2d": Case("UpSampling2D", {"size": (2, 3)}, [(1, 3, 2, 2)]),
    "up2d-bilinear": Case("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, [(1, 4, 3, 2)]),
}

CASES: dict[str, Case] = {
    **_TWO,
    **channels_first(_TWO),
    "zeropad1d": Case("ZeroPadding1D", {"padding": (1, 2)}, [(2, 3, 2)]),
    "zeropad1d-int": Case("ZeroPadding1D", {"padding": 2}, [(1, 3, 2)], open_axes=True),
    "zeropad3d-pairs": Case("ZeroPadding3D", {"padding": ((1, 0), (0, 2), (1, 1))}, [(1, 2, 2, 2, 1)], open_axes=True),
    "zeropad3d": Case("ZeroPadding3D", {"padding": (1, 0, 2)}, [(1, 2, 2, 2, 2)]),
    "crop1d": Case("Cropping1D", {"cropping": (1, 2)}, [(2, 5, 2)]),
    "crop1d-int": Case("Cropping1D", {"cropping": 1}, [(1, 4, 2)], open_axes=True),
    "crop2d-ints": Case("Cropping2D", {"cropping": (0, 2)}, [(1, 3, 5, 2)], open_axes=True),
    "crop3d-pairs": Case("Cropping3D", {"cropping": ((0, 1), (1, 0), (0, 0))}, [(1, 3, 3, 2, 1)], open_axes=True),
    "crop3d": Case("Cropping3D", {"cropping": (1, 0, 1)}, [(1, 4, 2, 4, 2)]),
    "up1d-default": Case("UpSampling1D", {}, [(1, 3, 2)], open_axes=True),
    "up3d-default": Case("UpSampling3D", {}, [(1, 2, 1, 2, 2)], open_axes=True),
    "up1d": Case("UpSampling1D", {"size": 3}, [(2, 3, 2)]),
    # Keras 3 on torch knows no others, and its "bicubic" is another one. TensorFlow has no gradient of "area".
    **{
        f"up2d-{name}": Case(
            "UpSampling2D", {"size": (2, 3), "interpolation": name}, [(1, 5, 4, 2)], keras=("2.15",), open_axes=True
        )
        for name in ("bicubic", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
    },
    "up2d-integers": Case("UpSampling2D", {"size": 2}, [np.arange(12, dtype="int32").reshape(1, 3, 2, 2)]),
    "zeropad2d-integers": Case("ZeroPadding2D", {}, [np.arange(12, dtype="int32").reshape(1, 3, 2, 2)]),
    # Keras 2 knew no channels-first sequences here.
    "zeropad1d-first": Case(
        "ZeroPadding1D", {"padding": (1, 2), "data_format": "channels_first"}, [(2, 2, 3)], keras=("3.15",)
    ),
    "up3d": Case("UpSampling3D", {"size": (1, 2, 2)}, [(1, 2, 2, 3, 2)]),
}
