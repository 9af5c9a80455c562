"""Archives, data sets and weights from the net that try to do harm, through everything that fetches them."""

import gzip
import io
import os
import stat
import tarfile
import zipfile

import h5py
import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config
from keras_torch.datasets import boston_housing, cifar10, fashion_mnist, imdb, mnist, reuters
from keras_torch.saving import archive
from keras_torch.utils import archives, get_file
from keras_torch.utils.archives import extract_archive

from . import watching

ORIGIN = "https://localhost/"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache two folders below `tmp_path`, and no network."""

    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    monkeypatch.setattr(archives, "SMALL_BYTES", 2**20)
    monkeypatch.setattr(archive, "MAX_TEXT_BYTES", 2**20)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "datasets").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "home" / "datasets"


def tar(path, *members):
    """Write an archive of `(name, type, link or number of bytes)`."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as file:
        for name, kind, detail in (("good.txt", tarfile.REGTYPE, 3), *members):
            info = tarfile.TarInfo(name)
            info.type = kind
            if isinstance(detail, str):
                info.linkname = detail
            else:
                info.size = detail
            file.addfile(info, io.BytesIO(b"x" * info.size))
    return path


def packed(path, *members, mode=0, method=zipfile.ZIP_DEFLATED):
    """Write an archive of `(name, content)`; all but the first have a kind of file as `mode`."""
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("good.txt", "abc")
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            file.writestr(info, content)
    return path


LINK, HARD, FILE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.REGTYPE
ARCHIVES = {
    "a member outside": lambda path: tar(path, ("../../outside.txt", FILE, 3)),
    "a member with a whole path": lambda path: tar(path, ("/tmp/keras_torch_outside.txt", FILE, 3)),
    "a link to a folder, then a file in it": lambda path: tar(path, ("a", LINK, "../.."), ("a/outside.txt", FILE, 3)),
    "a link to a link": lambda path: tar(path, ("a", LINK, "."), ("b", LINK, "a/.."), ("b/outside.txt", FILE, 3)),
    "a link to a file": lambda path: tar(path, ("good.txt", LINK, "../../secret.txt")),
    "a hard link to a file": lambda path: tar(path, ("copy.txt", HARD, "../../secret.txt"), ("copy.txt", FILE, 9)),
    "a file in place of a folder": lambda path: tar(path, ("a", FILE, 3), ("a/b", FILE, 3)),
    "a folder in place of a file": lambda path: tar(path, ("good.txt/x", FILE, 3)),
    "a device": lambda path: tar(path, ("null", tarfile.CHRTYPE, 0), ("pipe", tarfile.FIFOTYPE, 0)),
    "a bomb": lambda path: tar(path, ("zeros", FILE, 4 * 2**20)),
    "a long name": lambda path: tar(path, ("a" * 5000, FILE, 3)),
    "a member of a zip outside": lambda path: packed(path, ("../../outside.txt", "x")),
    "a member of a zip with a whole path": lambda path: packed(path, ("/tmp/keras_torch_outside.txt", "x")),
    "a link in a zip": lambda path: packed(path, ("link.txt", "../../secret.txt"), mode=stat.S_IFLNK | 0o777),
    "a pipe in a zip": lambda path: packed(path, ("pipe", ""), mode=stat.S_IFIFO),
    "a bomb in a zip": lambda path: packed(path, ("zeros", b"\0" * (4 * 2**20))),
    "names with zeros": lambda path: packed(path, ("a\0../../outside.txt", "x")),
    "a name of another system": lambda path: packed(path, ("..\\..\\outside.txt", "x")),
    "an archive cut short": lambda path: path.write_bytes(tar(path, ("a", FILE, 10**5)).read_bytes()[:150]),
}
WAYS = {
    "extract": lambda path: get_file(path.name, ORIGIN, extract=True),
    "untar": lambda path: get_file(path.name, ORIGIN, untar=True),
    "extract_archive": lambda path: extract_archive(path, path.parent / "unpacked"),
}


@pytest.mark.parametrize("trick", ARCHIVES)
def test_hostile_archives_write_and_read_nothing_elsewhere(tmp_path, cache, trick):
    before = sorted(os.listdir(tmp_path))
    path = cache / "set.bin"
    ARCHIVES[trick](path)
    content = path.read_bytes()
    for dialect in ("tf", "3"):
        for name, way in WAYS.items():
            for place in {path, path.with_name("set.bin_archive"), path.with_name("set.bin.tar.gz")}:
                place.write_bytes(content)
            with config.dialect_scope(dialect):
                watching.attempt(lambda way=way: way(path), cache.parent)
            assert sorted(os.listdir(tmp_path)) == before, name
    assert os.listdir(tmp_path / "home") == ["datasets"]
    assert not os.path.exists("/tmp/keras_torch_outside.txt")
    found = [item for item in cache.rglob("*") if item.is_symlink() or not (item.is_file() or item.is_dir())]
    assert not found
    assert not [item for item in cache.rglob("*") if item.is_file() and item.read_bytes() == b"secret"]


def test_a_file_of_another_digest_is_not_unpacked(cache):
    tar(cache / "set.bin")
    for wanted in ("0" * 32, "0" * 64, ("0" * 32, "1" * 64)):
        options = {"file_hash": wanted, "extract": True}
        error = watching.attempt(lambda options=options: get_file("set.bin", ORIGIN, **options), cache.parent)
        assert isinstance(error, OSError) and "set.bin" in str(error)
    assert os.listdir(cache) == ["set.bin"]


def npy(header, data=b""):
    """The bytes of an array whose header is a text."""
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


ARRAYS = {
    "a huge array": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}\n"),
    "an array beyond numbers": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1" + "0" * 40 + ",)}\n"),
    "a negative array": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}\n"),
    "huge items": npy("{'descr': '|S2000000000', 'fortran_order': False, 'shape': (2,)}\n"),
    "records of objects": npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}\n", b"cos\nsystem\n."),
    "code in a header": npy("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,)}\n"),
    "a deep header": npy("(" * 60000),
    "no header": b"\x93NUMPY\x09\x00",
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n", b"cos\nsystem\n(S'true'\ntR."),
    "many objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1000000000000,)}\n", b"]."),
}


@pytest.mark.parametrize("trick", ARRAYS)
def test_hostile_arrays_of_data_sets_are_refused(cache, trick):
    with zipfile.ZipFile(cache / "own.npz", "w") as file:
        for name in ("x_train", "y_train", "x_test", "y_test", "x", "y"):
            file.writestr(f"{name}.npy", ARRAYS[trick])
    for load in (mnist.load_data, imdb.load_data, reuters.load_data, boston_housing.load_data):
        error = watching.attempt(lambda load=load: load(path="own.npz"), cache.parent)
        assert isinstance(error, ValueError) and "own.npz" in str(error), load


TEXTS = {
    "a list": b'{"a": [1, 2]}',
    "deep": b'{"a":' * 50000,
    "numbers beyond numbers": b'{"a": 1' + b"0" * 5000 + b"}",
    "no text": b'{"a\xff": 1}',
    "code": b"cos\nsystem\n(S'true'\ntR.",
    "a bomb": gzip.compress(b"\0" * (4 * 2**20), 1),
}


@pytest.mark.parametrize("trick", TEXTS)
def test_hostile_lists_of_words_are_read_without_harm(cache, trick):
    (cache / "own.json").write_bytes(TEXTS[trick])
    for load in (imdb.get_word_index, reuters.get_word_index):
        result = watching.attempt(lambda load=load: load("own.json"), cache.parent)
        assert isinstance(result, dict) or (isinstance(result, ValueError) and "own.json" in str(result))


def test_hostile_pictures_are_refused(cache):
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for content in (b"\0\0\x08\x03" + b"\xff" * 12, b"\0\0\x08\xff", b"", b"\0" * (4 * 2**20)):
        (cache / "fashion-mnist").mkdir(exist_ok=True)
        for name in names:
            (cache / "fashion-mnist" / f"{name}-ubyte.gz").write_bytes(gzip.compress(content, 1))
        error = watching.attempt(fashion_mnist.load_data, cache.parent)
        assert isinstance(error, ValueError) and "idx" in str(error)
    folder = cache / "cifar-10-batches-py"
    folder.mkdir()
    for name in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
        (folder / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    error = watching.attempt(cifar10.load_data, cache.parent)
    assert isinstance(error, (ValueError, OSError))


@pytest.mark.slow
def test_hostile_weights_of_an_application_are_refused(tmp_path, cache):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.zeros((3, 3, 3, 8), "float32")
    path = cache / "weights.h5"
    tricks = (
        lambda group: group.__setitem__("kernel:0", h5py.ExternalLink(tmp_path / "secret.h5", "kernel")),
        lambda group: group.create_dataset("kernel:0", (3, 3, 10**6, 10**6), "float32"),
    )
    for trick in tricks:
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = ["conv1"]
            group = file.create_group("conv1")
            group.attrs["weight_names"] = ["kernel:0"]
            trick(group)
        error = watching.attempt(
            lambda: keras.applications.MobileNet((32, 32, 3), 0.25, weights=str(path)), cache.parent
        )
        assert isinstance(error, ValueError)
