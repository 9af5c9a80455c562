"""Each folder's tests run under the import hook, in the dialect that the file's name tells."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import config, dropin


@pytest.fixture(autouse=True)
def hook(request: pytest.FixtureRequest):
    with dropin.install(request.module.DIALECT):
        config.set_image_data_format(getattr(request.module, "IMAGE_DATA_FORMAT", "channels_last"))
        np.random.seed(0)
        yield
