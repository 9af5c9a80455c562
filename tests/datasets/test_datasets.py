"""Data sets come out of the files of each generation as in its Keras; the caches here are made of golden data."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_torch import config, datasets
from keras_torch.datasets import cifar10, cifar100, fashion_mnist, imdb, mnist, reuters
from keras_torch.datasets.cached import load_npz
from keras_torch.errors import FileFormatError

GOLDEN = Path(__file__).parents[1] / "golden"
DIALECTS = {"1": "122", "2": "224", "tf": "2150", "3": "3151"}
FOUND = {
    dialect: json.loads((GOLDEN / f"datasets_keras{version}.json").read_text(encoding="utf-8"))
    for dialect, version in DIALECTS.items()
}
CASES = [(dialect, name) for dialect, found in FOUND.items() for name in found["found"]]
CONTENT = FOUND["3"]["data"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def objects(lists: list[Any]) -> np.ndarray:
    found = np.empty(len(lists), dtype=object)
    for position, item in enumerate(lists):
        found[position] = item
    return found


def write_words(cache: Path, first_generation: bool = False) -> None:
    x, y = CONTENT["texts"], CONTENT["labels"]
    if first_generation:
        (cache / "imdb_full.pkl").write_bytes(pickle.dumps(((x[:20], y[:20]), (x[20:], y[20:])), 2))
        (cache / "reuters.pkl").write_bytes(pickle.dumps((x, y), 2))
    else:
        np.savez(cache / "imdb.npz", x_train=objects(x[:20]), y_train=y[:20], x_test=objects(x[20:]), y_test=y[20:])
        np.savez(cache / "reuters.npz", x=objects(x), y=y)


@pytest.mark.parametrize(("dialect", "name"), CASES)
def test_splits_seeds_and_rules_for_words_are_those_of_keras(
    dialect: str, name: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_words(cache, dialect == "1")
    for part in ("boston", "california"):
        np.savez(cache / f"{part}_housing.npz", x=CONTENT["rows"], y=np.arange(10.0))
    cases = FOUND[dialect]["found"][name]
    assert len(cases) >= 4
    with config.dialect_scope(dialect):
        for arguments, wanted, kind, following in cases:
            np.random.seed(7)
            found = getattr(datasets, name).load_data(**arguments)
            assert [[np.asarray(part, dtype=object).tolist() for part in half] for half in found] == wanted, arguments
            assert type(found[0][0]).__name__ == kind
            assert np.random.random_sample() == following
    if "reuters" not in name or dialect != "1":
        assert "is used as it is, though its content is not the known one" in capsys.readouterr().out


def test_words_of_keras_1_are_found_in_the_files_of_later_versions(cache: Path) -> None:
    write_words(cache)
    with config.dialect_scope("1"):
        (x, _), (_, y) = imdb.load_data(nb_words=9)
        assert len(x) == 20 and len(y) == 14
        assert imdb.load_data("imdb.npz")[0][0][0][0] == 1
    assert imdb.load_data(nb_words=9)[0][0][0] == imdb.load_data(num_words=9)[0][0][0]
    with pytest.raises(ValueError, match="`load_data` no longer has the argument `test_split`"):
        imdb.load_data(test_split=0.1)
    with pytest.raises(TypeError):
        reuters.load_data(colour=1)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_numbers_of_words_are_read_from_json_and_from_pickles(cache: Path, dialect: str) -> None:
    index = {"the": 1, "naïve": 2}
    for name in ("imdb", "reuters"):
        if dialect == "1":
            (cache / f"{name}_word_index.pkl").write_bytes(pickle.dumps(index, 2))
        else:
            (cache / f"{name}_word_index.json").write_text(json.dumps(index))
    with config.dialect_scope(dialect):
        assert imdb.get_word_index() == index
        assert reuters.get_word_index() == index


def test_the_topics_of_reuters_have_names() -> None:
    assert list(reuters.get_label_names()) == CONTENT["topics"]


def digits() -> tuple[Any, Any]:
    x = np.arange(5 * 28 * 28, dtype=np.uint8).reshape(5, 28, 28)
    return (x[:3], np.array([3, 1, 2], np.uint8)), (x[3:], np.array([0, 9], np.uint8))


def equal(found: Any, wanted: Any) -> bool:
    pairs = [(a, b) for half in (0, 1) for a, b in zip(found[half], wanted[half], strict=True)]
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def test_mnist_is_read_from_arrays_and_from_the_pickle_of_keras_1(cache: Path) -> None:
    (x, y), (x_test, y_test) = digits()
    with gzip.open(cache / "mnist.pkl.gz", "wb") as file:
        # As Python 2 and numpy 1 wrote it.
        file.write(pickle.dumps(digits(), 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    with config.dialect_scope("1"):
        assert equal(mnist.load_data(), digits())
    np.savez_compressed(cache / "mnist.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    assert equal(mnist.load_data(), digits())
    own = cache.parent / "own.npz"
    np.savez(own, x_train=x, y_train=y, x_test=x_test, y_test=y_test, more=1)
    assert equal(mnist.load_data(str(own)), digits())
    with config.dialect_scope("tf"):
        assert equal(mnist.load_data(own), digits())
    assert mnist.load_data(own)[0][0].flags.writeable


def test_fashion_mnist_is_read_from_its_four_files(cache: Path) -> None:
    (cache / "fashion-mnist").mkdir()
    for part, (x, y) in zip(("train", "t10k"), digits(), strict=True):
        for name, array in (("images-idx3", x), ("labels-idx1", y)):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            with gzip.open(cache / "fashion-mnist" / f"{part}-{name}-ubyte.gz", "wb") as file:
                file.write(head + array.tobytes())
    found = fashion_mnist.load_data()
    assert equal(found, digits())
    found[0][0][0] = 1
    with gzip.open(cache / "fashion-mnist" / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(head + b"short")
    with pytest.raises(FileFormatError, match="no file of bytes in the form of MNIST. Remove it"):
        fashion_mnist.load_data()


def pictures(count: int) -> np.ndarray:
    return np.random.RandomState(3).randint(0, 255, (count, 3072)).astype(np.uint8)


def write_cifar(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        batch = {b"data": pictures(4), b"labels": [number, 1, 2, 3], b"filenames": [b"a.png"]}
        (folder / name).write_bytes(pickle.dumps(batch, 2))
    for name in ("train", "test"):
        batch = {b"data": pictures(3), b"fine_labels": [5, 6, 99], b"coarse_labels": [1, 2, 19]}
        (folder / name).write_bytes(pickle.dumps(batch, 2))


@pytest.mark.parametrize("place", ["{}", "{}-target/{}"])
def test_cifar_is_read_where_keras_2_or_keras_3_unpacked_it(cache: Path, place: str) -> None:
    write_cifar(cache / place.format("cifar-10-batches-py", "cifar-10-batches-py"))
    write_cifar(cache / place.format("cifar-100-python", "cifar-100-python"))
    (x, y), (x_test, y_test) = cifar10.load_data()
    assert x.shape == (20, 32, 32, 3) and x_test.shape == (4, 32, 32, 3) and y.shape == (20, 1)
    assert y[::4, 0].tolist() == [0, 1, 2, 3, 4] and y_test[0] == 5 and y.dtype == y_test.dtype == np.uint8
    assert np.array_equal(x[1].transpose(2, 0, 1).ravel(), pictures(4)[1])
    assert [half[1].ravel().tolist() for half in cifar100.load_data()] == [[5, 6, 99]] * 2
    assert cifar100.load_data("coarse")[0][1].ravel().tolist() == [1, 2, 19]
    config.set_image_data_format("channels_first")
    try:
        assert cifar100.load_data(label_mode="fine")[0][0].shape == (3, 3, 32, 32)
    finally:
        config.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match="`label_mode` must be 'fine' or 'coarse'. Received: 'both'"):
        cifar100.load_data("both")


@pytest.mark.parametrize("dialect", ["2", "3"])
def test_cifar_is_unpacked_from_an_archive_in_the_cache(cache: Path, dialect: str) -> None:
    write_cifar(cache.parent / "cifar-10-batches-py")
    archive = "cifar-10-batches-py.tar.gz" if dialect == "2" else "cifar-10-batches-py-target_archive"
    with tarfile.open(cache / archive, "w:gz") as file:
        file.add(cache.parent / "cifar-10-batches-py", "cifar-10-batches-py")
    with config.dialect_scope(dialect):
        assert cifar10.load_data()[0][0].shape == (20, 32, 32, 3)


@pytest.mark.parametrize("dialect", [None, "1", "2"])
def test_without_a_file_the_error_says_which_to_put_where(cache: Path, dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        for load in (mnist.load_data, imdb.load_data, cifar10.load_data, fashion_mnist.load_data):
            with pytest.raises(OSError, match="is not in the cache, and fetching it from http.*save it as '.*datasets"):
                load()


class Harm:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harm",)


def hostile() -> list[bytes]:
    array = np.zeros(2)
    kinds = [pickle.dumps(value, 2) for value in (Harm(), [Harm()], objects([Harm()]), {b"data": Harm()}, np.mean)]
    kinds.append(b"cbuiltins\neval\n(S'1'\ntR.")
    kinds.append(b"cnumpy\ndtype\n(S'f8'\ntR}S'x'\nI1\nsb.")  # sets attributes
    kinds.append(b"cnumpy\ndtype\n}S'x'\nI1\nsb.")
    kinds.append(pickle.dumps(array, 2).replace(b"f8", b"O8"))  # bytes as addresses of objects
    kinds.append(pickle.dumps(array, 2).replace(b"K\x02\x85", b"K\x7f\x85"))  # more than there is
    kinds.append(pickle.dumps(np.zeros(2, [("a", "i4")]), 2))
    kinds.append(b"\x80\x02]r\xff\xff\xff\xfe.")  # a number for which the unpickler would make room
    kinds.append(b"(lp4000000000\n.")
    kinds.append(b"not a pickle")
    return kinds


@pytest.mark.parametrize("number", range(len(hostile())))
def test_a_pickle_runs_nothing(cache: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cache)
    content = hostile()[number]
    (cache / "own.pkl").write_bytes(content)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    np.savez(cache / "own.npz", x_train=1)
    with zipfile.ZipFile(cache / "own.npz", "w") as file:
        for name in ("x_train", "y_train", "x_test", "y_test", "x", "y"):
            file.writestr(f"{name}.npy", header.getvalue() + content)
    for load in (imdb.load_data, mnist.load_data, reuters.load_data, imdb.get_word_index):
        for name in ("own.pkl", "own.npz"):
            with pytest.raises(FileFormatError):
                load(path=name)
    with pytest.raises(FileFormatError):
        datasets.cifar.load_batch(cache / "own.pkl")
    assert sorted(os.listdir(cache)) == ["own.npz", "own.pkl"]


def test_arrays_of_all_kinds_come_out_of_pickles_as_they_were(cache: Path) -> None:
    arrays = {
        "big": np.arange(6, dtype=">i4").reshape(2, 3).T,
        "nested": objects([[1, 2], [np.arange(2), "x"], (np.float32(2.5), b"\xff")]),
        "texts": np.array(["ab", "c"]),
        "flags": np.array([True, False]),
        "one": np.array(3.5),
        "none": np.zeros((0, 3)),
    }
    np.savez(cache / "all.npz", **arrays)
    found = load_npz(str(cache / "all.npz"))
    for name, wanted in arrays.items():
        assert found[name].dtype == wanted.dtype and found[name].shape == wanted.shape
        assert str(found[name]) == str(wanted)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (cache / "all.pkl").write_bytes(pickle.dumps(arrays, protocol))
        assert str(datasets.cached.read_pickle(str(cache / "all.pkl"))) == str(arrays)


def test_damaged_files_are_named(cache: Path) -> None:
    np.savez(cache / "own.npz", x_train=np.zeros(3))
    with pytest.raises(FileFormatError, match=r"own.npz lacks the arrays \['y_train', 'x_test', 'y_test'\]"):
        mnist.load_data("own.npz")
    (cache / "own.npz").write_bytes((cache / "own.npz").read_bytes()[:-60])
    with pytest.raises(FileFormatError, match="own.npz"):
        mnist.load_data("own.npz")
    (cache / "own.pkl.gz").write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(FileFormatError, match="own.pkl.gz is damaged.*Remove it"):
        mnist.load_data("own.pkl.gz")
    (cache / "imdb_word_index.json").write_text('{"a": 1')
    with pytest.raises(FileFormatError, match="imdb_word_index.json is damaged"):
        imdb.get_word_index()
    write_words(cache)
    with pytest.raises(ValueError, match="No text has fewer than `maxlen=1` words; the shortest has 2"):
        imdb.load_data(maxlen=1)
    with pytest.raises(ValueError, match="`test_split` must be from 0 to below 1. Received: 1"):
        reuters.load_data(test_split=1)
    with pytest.raises(ValueError, match="`version` must be 'small' or 'large'. Received: 'tiny'"):
        datasets.california_housing.load_data("tiny")
