"""The guarded way into zip archives and folders, with archives that try to do harm."""

import io
import os
import stat
import zipfile

import h5py
import numpy as np
import pytest

from keras_torch.errors import FileFormatError
from keras_torch.saving import archive, archive_writer


def write_zip(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def refused(path, match):
    with pytest.raises(FileFormatError, match=match) as caught, archive.reading(path) as opened:
        for name in opened.names():
            opened.read(name)
    assert str(path) in str(caught.value)


def test_members_are_listed_and_read(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"config.json": "{}", "assets/a/words.txt": "häuser"})
    with archive.reading(path) as opened:
        assert opened.names() == ["config.json", "assets/a/words.txt"]
        assert "config.json" in opened and "other" not in opened
        assert opened.text("assets/a/words.txt") == "häuser"
        with pytest.raises(FileFormatError, match="more than is allowed"):
            opened.read("config.json", limit=1)
        with pytest.raises(FileFormatError, match="there is no member 'other'"):
            opened.text("other")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("as_object", [False, True])
def test_an_hdf5_member_opens_in_place(tmp_path, method, as_object):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers/dense/vars/0"] = np.arange(5000.0)
    path = write_zip(tmp_path / "x.zip", {"a.txt": "odd", "model.weights.h5": buffer.getvalue()}, method)
    source = io.BytesIO(path.read_bytes()) if as_object else path
    with archive.reading(source) as opened:
        with h5py.File(opened.open("model.weights.h5"), "r") as file:
            np.testing.assert_array_equal(file["layers/dense/vars/0"][()], np.arange(5000.0))
        opened.verify()
        assert opened.text("a.txt") == "odd"


def test_a_changed_byte_in_a_window_is_found(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"weights": bytes(100_000)})
    data = bytearray(path.read_bytes())
    data[50_000] ^= 1
    path.write_bytes(data)
    for source in (path, io.BytesIO(bytes(data))):
        with archive.reading(source) as opened, pytest.raises(FileFormatError, match="checksum"):
            opened.open("weights").read()
            opened.verify()


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/etc/passwd", "a\\..\\b", "C:/x", "a//b", "./a", "a/./b", "x" * 2000]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    refused(write_zip(tmp_path / "x.zip", {"config.json": "{}", name: "data"}), "must be a relative path")


def test_a_name_with_a_zero_byte_is_refused(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"configXjson": "{}"})
    path.write_bytes(path.read_bytes().replace(b"configXjson", b"config\0json"))
    refused(path, "must be a relative path")


def test_links_are_refused(tmp_path):
    info = zipfile.ZipInfo("config.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(write_zip(tmp_path / "x.zip", {info: "/etc/passwd"}), "no regular file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{}")
        file.writestr("config.json", "[]")
    refused(path, "is there twice")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_refused(tmp_path, method):
    refused(write_zip(tmp_path / "x.zip", {"config.json": "{}"}, method), "compressed by the method")


def test_a_bomb_is_refused(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"config.json": bytes(30 * 2**20)}, zipfile.ZIP_DEFLATED)
    assert os.path.getsize(path) < 2**17
    refused(path, "more than 100 to 1")


def change_directory(path, offset, value, size):
    """Overwrite a field of the first entry of the table of contents."""
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02") + offset
    data[entry : entry + size] = value.to_bytes(size, "little")
    path.write_bytes(data)


def test_encrypted_members_are_refused(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"config.json": "{}"})
    change_directory(path, 8, 1, 2)
    refused(path, "encrypted")


def test_a_stored_member_has_the_size_it_declares(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"config.json": "{}"})
    change_directory(path, 24, 10**9, 4)
    refused(path, "is stored in 2 bytes, but declares 1000000000")


def test_a_member_larger_than_the_file_is_refused(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"config.json": "{}"})
    change_directory(path, 20, 10**9, 4)
    change_directory(path, 24, 10**9, 4)
    refused(path, "larger than the file")


def test_overlapping_members_are_refused(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"a": "x" * 100, "b": "y" * 100})
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[second + 42 : second + 46] = (40).to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, "overlaps 'a'")


@pytest.mark.parametrize("offset, size, value", [(30, 1, 67), (8, 2, 8), (18, 4, 1), (22, 4, 10**6)])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_that_two_readers_could_take_for_different_things_is_refused(tmp_path, method, offset, size, value):
    path = write_zip(tmp_path / "x.zip", {"config.json": "{}" * 100}, method)
    data = bytearray(path.read_bytes())
    data[offset : offset + size] = (value if (offset, method) != (8, 8) else 0).to_bytes(size, "little")
    path.write_bytes(data)
    refused(path, "contradict")


@pytest.mark.parametrize("names", [("assets/a", "assets/a/b"), ("assets/a/b", "assets/a")])
def test_a_member_below_another_cannot_be_unpacked(tmp_path, names):
    path = write_zip(tmp_path / "x.zip", dict.fromkeys(names, "data"))
    with archive.reading(path) as opened, pytest.raises(FileFormatError, match=r"x.zip.*cannot be unpacked"):
        opened.extract("assets", str(tmp_path / "out"))


def test_a_huge_table_of_contents_is_not_read(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", b"")
        file.comment = b""
    data = bytearray(path.read_bytes())
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = (17 * 2**20).to_bytes(4, "little")
    path.write_bytes(bytes(17 * 2**20) + data)
    refused(path, "asks for|cannot be read")


def test_too_many_members_are_refused(tmp_path):
    refused(write_zip(tmp_path / "x.zip", {str(number): "" for number in range(10_001)}), "10001 members")


@pytest.mark.parametrize("part", range(1, 10))
def test_a_cut_archive_is_an_error_that_names_it(tmp_path, part):
    path = write_zip(tmp_path / "x.zip", {"config.json": "{}", "model.weights.h5": bytes(1000)})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * part // 10])
    refused(path, "cannot be read as a zip archive")


def test_a_folder_reads_like_an_archive(tmp_path):
    (tmp_path / "model" / "assets" / "a").mkdir(parents=True)
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "assets" / "a" / "words.txt").write_text("one")
    with archive.reading(tmp_path / "model") as opened:
        assert opened.names() == ["assets/a/words.txt", "config.json"]
        assert opened.text("config.json") == "{}"
        opened.extract("assets", str(tmp_path / "copy"))
        with pytest.raises(FileFormatError, match="there is no file 'other'"):
            opened.text("other")
    assert (tmp_path / "copy" / "a" / "words.txt").read_text() == "one"


def test_a_folders_links_stay_inside(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "model" / "config.json").symlink_to(tmp_path / "secret")
    with archive.reading(tmp_path / "model") as opened, pytest.raises(FileFormatError, match="leads out of the folder"):
        opened.text("config.json")
    with archive.reading(tmp_path / "model") as opened, pytest.raises(FileFormatError, match="leads out of the folder"):
        opened.text("../secret")


@pytest.mark.parametrize("kind", ["path", "object", "folder"])
def test_hdf5_is_written_into_its_place(tmp_path, kind):
    target = {"path": tmp_path / "x.keras", "object": io.BytesIO(), "folder": tmp_path / "x"}[kind]
    with archive_writer.writing(target, zipped=kind != "folder") as writer:
        writer.write("config.json", "{}")
        with writer.open("model.weights.h5") as file, h5py.File(file, "w") as h5:
            for number in range(20):
                h5[f"layers/dense_{number}/vars/0"] = np.full((50, 50), number, "float32")
        writer.write("assets/a.txt", b"after it")
    if kind != "folder":
        with zipfile.ZipFile(target) as plain:
            assert plain.testzip() is None
            assert {info.compress_type for info in plain.infolist()} == {zipfile.ZIP_STORED}
    with archive.reading(target) as opened:
        assert sorted(opened.names()) == ["assets/a.txt", "config.json", "model.weights.h5"]
        assert opened.text("assets/a.txt") == "after it"
        with h5py.File(opened.open("model.weights.h5"), "r") as h5:
            assert all((h5[f"layers/dense_{n}/vars/0"][()] == n).all() for n in range(20))
        opened.verify()


def test_failure_while_writing_leaves_the_former_file(tmp_path):
    path = tmp_path / "x.keras"
    path.write_bytes(b"former")
    with pytest.raises(RuntimeError, match="disk"), archive_writer.writing(path) as writer:
        writer.write("config.json", "{}")
        with writer.open("model.weights.h5") as file:
            file.write(b"half")
            raise RuntimeError("disk")
    assert path.read_bytes() == b"former"
    assert os.listdir(tmp_path) == ["x.keras"]
