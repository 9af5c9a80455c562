from __future__ import annotations

import pytest

from keras_torch import callbacks, utils


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: callbacks.EarlyStopping(patience="3"), TypeError, "`patience` of EarlyStopping .* Received: '3'"),
        (lambda: callbacks.EarlyStopping(min_delta=None), TypeError, "`min_delta` of EarlyStopping must be a number"),
        (lambda: callbacks.EarlyStopping(baseline="x"), TypeError, "`baseline` of EarlyStopping must be a number"),
        (lambda: callbacks.EarlyStopping(monitor=None), TypeError, "`monitor` of EarlyStopping must be a name"),
        (lambda: callbacks.EarlyStopping("loss", True), TypeError, "`min_delta` of EarlyStopping .* Received: True"),
        (lambda: callbacks.ReduceLROnPlateau(factor=None), TypeError, "`factor` of ReduceLROnPlateau must be a number"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr="0"), TypeError, "`min_lr` of ReduceLROnPlateau must be a number"),
        (lambda: callbacks.ReduceLROnPlateau(monitor=["loss"]), TypeError, "`monitor` of ReduceLROnPlateau"),
        (lambda: callbacks.ModelCheckpoint(None), TypeError, "`filepath` of ModelCheckpoint must be a path.*None"),
        (lambda: callbacks.ModelCheckpoint("x", period=0), ValueError, "`period` of ModelCheckpoint .* Received: 0"),
        (lambda: callbacks.ModelCheckpoint("x", save_freq=0), ValueError, "`save_freq` of ModelCheckpoint .*least 1"),
        (lambda: callbacks.CSVLogger(3), TypeError, "`filename` of CSVLogger must be a path.* Received: 3"),
        (lambda: callbacks.CSVLogger("x", separator="::"), TypeError, "`separator` of CSVLogger .* Received: '::'"),
        (lambda: callbacks.TensorBoard(log_dir=None), TypeError, "`log_dir` of TensorBoard must be a path"),
        (lambda: callbacks.TensorBoard(histogram_freq=-1), ValueError, "`histogram_freq` of TensorBoard .*least 0"),
        (lambda: callbacks.TensorBoard(batch_size=0), ValueError, "`batch_size` of TensorBoard must be at least 1"),
        (lambda: callbacks.LearningRateScheduler(0.1), ValueError, "`schedule` of LearningRateScheduler .* 0.1"),
        (lambda: callbacks.ProgbarLogger("batches"), ValueError, "`count_mode` of ProgbarLogger .*'batches'"),
        (
            lambda: utils.Progbar(3, stateful_metrics=["a"], stateless_metrics=["b"]),
            ValueError,
            "either `stateful_metrics` or `stateless_metrics`",
        ),
    ],
)
def test_a_wrong_argument_is_named_when_the_callback_is_made(make, error, text):
    with pytest.raises(error, match=text):
        make()
