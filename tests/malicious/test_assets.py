"""Assets of `.keras` files, the vocabularies of layers, that try to do harm."""

import os
import shutil
import stat
import tempfile
import zipfile

import numpy as np
import pytest

import keras_torch as keras

from . import watching

VOCABULARY = "assets/layers/string_lookup/vocabulary.txt"


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """What is in the archive of a model that has learnt words."""
    lookup = keras.layers.StringLookup()
    lookup.adapt(np.array([["a"], ["b"], ["c"]]))
    model = keras.Sequential([keras.Input((1,), dtype="string"), lookup], name="words")
    path = tmp_path_factory.mktemp("honest") / "m.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert VOCABULARY in found
    return found


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory, monkeypatch):
    """A folder for temporary files that is empty again in the end."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert not os.listdir(folder)


def write(path, members, packed=()):
    """Write an archive; the members in `packed` are compressed."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            kind = zipfile.ZIP_DEFLATED if name in packed else zipfile.ZIP_STORED
            archive.writestr(name, content, kind)
    return path


def read(path):
    return watching.attempt(lambda: keras.models.load_model(path), path.parent, tempfile.gettempdir())


@pytest.mark.parametrize(
    "name",
    [
        "assets/../../outside.txt",
        "assets/layers/../../../outside.txt",
        "../outside.txt",
        "/tmp/keras_torch_outside.txt",
        "assets//etc/outside.txt",
        "assets\\..\\..\\outside.txt",
        "assets/C:\\outside.txt",
        "assets/./outside.txt",
        "assets/",
        "assets/layers/string_lookup",
        "assets/layers/string_lookup/vocabulary.txt/more.txt",
        "assets/" + "a" * 300,
        "assets/" + "a/" * 50 + "a",
        "assets/layers/string_lookup/VOCABULARY.TXT",
    ],
)
def test_names_of_assets_lead_nowhere_else(tmp_path, members, name):
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    result = read(write(inside / "m.keras", {**members, name: "x\ny"}))
    if isinstance(result, Exception):
        assert isinstance(result, ValueError) and "m.keras" in str(result)
    assert sorted(os.listdir(tmp_path)) == ["deep"] and os.listdir(tmp_path / "deep") == ["inside"]
    assert os.listdir(inside) == ["m.keras"] and not os.path.exists("/tmp/keras_torch_outside.txt")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_assets_that_are_no_files_are_refused(tmp_path, members, kind):
    info = zipfile.ZipInfo(VOCABULARY)
    info.external_attr = (kind | 0o777) << 16
    others = {name: content for name, content in members.items() if name != VOCABULARY}
    write(tmp_path / "m.keras", others)
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "no regular file" in str(read(tmp_path / "m.keras"))


@pytest.mark.parametrize("what", ["the file", "its folder", "all assets", "a pipe"])
def test_links_in_a_folder_are_not_followed_out_of_it(tmp_path, members, what):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "vocabulary.txt").write_text("secret\nwords")
    model = tmp_path / "inside" / "m"
    with zipfile.ZipFile(write(tmp_path / "m.keras", members)) as archive:
        archive.extractall(model)
    place = model / VOCABULARY
    if what in ("the file", "a pipe"):
        place.unlink()
        place.symlink_to(secret / "vocabulary.txt") if what == "the file" else os.mkfifo(place)
    else:
        folder = place.parent if what == "its folder" else model / "assets"
        shutil.rmtree(folder)
        folder.symlink_to(secret)
        if what == "all assets":
            (secret / "layers" / "string_lookup").mkdir(parents=True)
            shutil.copy(secret / "vocabulary.txt", secret / "layers" / "string_lookup")
    result = watching.attempt(lambda: keras.models.load_model(model), model, tempfile.gettempdir())
    assert isinstance(result, ValueError) or "secret" not in result.layers[0].get_vocabulary()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n" * 1000,
        b"a\na\na",
        b"\xff\xfe\x00",
        b"a\0b\nc",
        b"[UNK]\n[UNK]\nb",
        b"../../etc/passwd\n/etc/passwd",
        b"x" * 10**6,
        "\ufeffa\nb\u2028c\r\nd".encode(),
    ],
)
def test_odd_vocabularies_are_a_model_or_an_error_that_names_the_file(tmp_path, members, content):
    result = read(write(tmp_path / "m.keras", {**members, VOCABULARY: content}))
    assert isinstance(result, keras.Model) or "m.keras" in str(result)


def test_vocabularies_that_grow_without_bounds_are_refused(tmp_path, members, monkeypatch):
    monkeypatch.setattr("keras_torch.saving.archive.SMALL_EXTRACTED_BYTES", 10**5)
    # The archive is so large that a compression of a hundred to one is not what is wrong.
    content = np.random.RandomState(0).bytes(10**4).hex() + "word\n" * 10**5
    path = write(tmp_path / "m.keras", {**members, VOCABULARY: content}, [VOCABULARY])
    assert "more than is allowed" in str(read(path))
    path = write(tmp_path / "m.keras", {**members, VOCABULARY: content})
    assert "must differ" in str(read(path))
