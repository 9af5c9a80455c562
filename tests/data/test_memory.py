"""Data that is mapped into memory, in a file or sparse is never copied whole; other data is copied at most once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.data import arrays, rows
from keras_torch.data.conversion import to_numpy_or_tensor
from keras_torch.data.rows import Rows, mapping_of, rows_of
from keras_torch.layers import Dense, Input

MEGABYTE = 1 << 20
STATUS = Path("/proc/self/status")
needs_proc = pytest.mark.skipif(not STATUS.exists(), reason="reads the memory of the process from /proc")


def _resident() -> int:
    """Bytes of memory of this process, mapped files included."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


class Peak(keras.callbacks.Callback):
    """Measures the memory at every 16th batch."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0

    def _look(self, batch: int, logs: Any = None) -> None:
        if batch % 16 == 0:
            self.peak = max(self.peak, _resident())

    on_train_batch_end = on_predict_batch_end = on_test_batch_end = _look


def _mapped(path: Path, shape: tuple[int, ...], dtype: str, mode: Any = "w+") -> np.memmap:
    """A file of zeros, which takes no room on the disk."""
    return np.memmap(path / "data", dtype, mode, shape=shape)


def _model(width: int) -> Any:
    inputs = Input((width,))
    model = keras.Model(inputs, Dense(1)(inputs))
    model.compile("sgd", "mse")
    model.fit(np.zeros((32, width), "float32"), np.zeros((32, 1)), verbose=0)
    return model


@needs_proc
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predicting_on_a_mapped_gigabyte_takes_little_memory(tmp_path: Path, dtype: str) -> None:
    width = 4096
    x = _mapped(tmp_path, (1024 * MEGABYTE // width // np.dtype(dtype).itemsize, width), dtype)
    model, peak = _model(width), Peak()
    start = _resident()
    assert model.predict(x, batch_size=256, verbose=0, callbacks=[peak]).shape == (len(x), 1)
    assert 0 < peak.peak < start + 200 * MEGABYTE


@needs_proc
def test_training_on_a_mapped_file_takes_little_memory(tmp_path: Path) -> None:
    width = 4096
    x = _mapped(tmp_path, (256 * MEGABYTE // width // 2, width), "float16")
    model, peak = _model(width), Peak()
    start = _resident()
    y = np.zeros((len(x), 1), "float32")
    model.fit(x, y, batch_size=256, verbose=0, callbacks=[peak], validation_split=0.5)
    assert 0 < peak.peak < start + 150 * MEGABYTE


@needs_proc
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_training_holds_at_most_one_copy_of_the_data(dtype: str) -> None:
    x = np.ones((128 * MEGABYTE // 4096 // np.dtype(dtype).itemsize, 4096), dtype)
    model, peak = _model(4096), Peak()
    start = _resident()
    model.fit(x, np.zeros((len(x), 1), "float32"), batch_size=512, verbose=0, callbacks=[peak])
    assert peak.peak < start + x.nbytes + 40 * MEGABYTE


@pytest.mark.parametrize("dtype", ["float32", ">f8", "int16", "uint8", "float16"])
@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_mapped_arrays_give_the_batches_of_arrays(tmp_path: Path, dtype: str, shuffle: Any) -> None:
    x = _mapped(tmp_path, (50, 3), dtype)
    x[:] = np.arange(150).reshape(50, 3)
    found = []
    for data in (x, np.array(x), x[::-1][::-1], np.asarray(x)):
        keras.utils.set_random_seed(3)
        model = _model(3)
        model.set_weights([np.full((3, 1), 0.01), np.zeros(1)])
        history = model.fit(data, np.arange(50.0), shuffle=shuffle, batch_size=8, verbose=0, validation_split=0.3)
        found.append(
            [history.history["loss"], history.history["val_loss"], model.predict(data[:9], verbose=0).tolist()]
        )
    assert found[0] == found[1] == found[2] == found[3]


def test_views_of_mapped_arrays_are_found(tmp_path: Path) -> None:
    x = _mapped(tmp_path, (50, 3), "float32")
    for view in (x, x[3:], np.asarray(x)[:, :2], x.T, x.reshape(-1)):
        assert mapping_of(view) is not None and isinstance(to_numpy_or_tensor(view, "`x`"), Rows)
    for copy in (np.array(x), x + 1, np.zeros(3)):
        assert mapping_of(copy) is None and isinstance(to_numpy_or_tensor(copy, "`x`"), np.ndarray)


def test_changes_in_a_private_mapping_survive_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _mapped(tmp_path, (50, 3), "float32").flush()
    x = _mapped(tmp_path, (50, 3), "float32", "c")
    x[:] = 7
    monkeypatch.setattr(rows, "_RESIDENT_BYTES", 0)
    data = rows_of(x)
    assert data is not None
    assert all((data.narrow(0, i, 10) == 7).all() for i in range(0, 50, 10))


def test_small_integers_become_floats_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.arange(100, dtype=torch.uint8)
    for limit in (0, 1000):
        monkeypatch.setattr(arrays, "CONVERT_ONCE_BYTES", limit)
        data = arrays.ArrayData([x], 10, dtypes=[torch.float32])
        assert data._tensors[0].dtype == (torch.float32 if limit else torch.uint8)
        assert [part.dtype for (part,) in data.epoch()] == [torch.float32] * 10


def test_tensors_mapped_from_a_file_are_read_in_parts(tmp_path: Path) -> None:
    np.arange(40, dtype="float64").tofile(tmp_path / "numbers")
    x = torch.from_file(str(tmp_path / "numbers"), shared=True, size=40, dtype=torch.float64).reshape(20, 2)
    data = to_numpy_or_tensor(x, "`x`")
    assert isinstance(data, Rows)
    assert torch.equal(data.to(torch.float32).narrow(0, 3, 2), x[3:5].float())
    assert torch.equal(data.index_select(0, torch.tensor([9, 1, 1])), x[[9, 1, 1]])


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_sparse_matrices_become_dense_batch_by_batch() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.random.RandomState(0).rand(40, 6) * (np.random.RandomState(1).rand(40, 6) < 0.3)
    tensor = torch.from_numpy(dense)
    for convert in (sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array, sparse.lil_matrix):
        assert isinstance(to_numpy_or_tensor(convert(dense), "`x`"), Rows)
    kinds = [sparse.csr_matrix(dense), tensor.to_sparse(), tensor.to_sparse_csr(), dense]
    found = []
    for x in kinds:
        keras.utils.set_random_seed(3)
        model = _model(6)
        history = model.fit(x, dense[:, :1], verbose=0, batch_size=8, validation_split=0.2).history
        found.append([*history.values(), model.predict(x, verbose=0).tolist(), model.train_on_batch(x, dense[:, :1])])
    assert found[0] == found[1] == found[2] == found[3]


def test_an_input_may_be_declared_sparse() -> None:
    inputs = Input((6,), sparse=True)
    model = keras.Model(inputs, Dense(2)(inputs))
    x = torch.eye(6).to_sparse()
    np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(np.eye(6), verbose=0), rtol=1e-6)
    assert model.layers[0].get_config()["sparse"] is True
    assert keras.Model.from_config(model.get_config()).layers[0].sparse is True


def test_sparse_tensors_are_taken_without_scipy() -> None:
    x = torch.eye(6).to_sparse()
    model = _model(6)
    np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(np.eye(6), verbose=0), rtol=1e-6)


def test_rows_offer_what_checks_of_tensors_ask_for(tmp_path: Path) -> None:
    x = _mapped(tmp_path, (10, 1), "float32")
    x[:] = np.arange(10)[:, None]
    data = rows_of(x)
    assert data is not None
    assert len(data) == 10 and data.dim() == 2 and data.numel() == 10 and data.element_size() == 4
    flat = data.squeeze(-1).long()
    assert flat.shape == (10,) and flat.read().tolist() == list(range(10)) and not flat.is_floating_point()
    assert flat[4:].unsqueeze(-1).narrow(0, 1, 2).tolist() == [[5], [6]]
    np.testing.assert_array_equal(np.asarray(data[2:4]), x[2:4])
