"""Files from the net: cached, compared with their digest, resumed, unpacked only below their folder."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import stat
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keras_torch import config
from keras_torch.errors import FileFormatError
from keras_torch.utils import archives, downloads, file_utils, get_file
from keras_torch.utils.data_utils import _hash_file, validate_file

CONTENT = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("KERAS_HOME", str(home))
    return home / "datasets"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    return path


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT, with ranges; `cut` ends the next answers early, `headers` stand for the usual ones."""

    tag = '"one"'
    cut: int | None = None
    status = 200
    content = CONTENT
    headers: dict[str, str] = {}

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.origin = f"http://127.0.0.1:{self.server_address[1]}/folder/data.bin?x=1"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        start = 0
        if wanted and self.headers["If-Range"] == self.server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        status = self.server.status if self.server.status != 200 else 206 if start else 200
        content = self.server.content
        if start >= len(content):
            status = 416
        self.send_response(status)
        headers = {
            "ETag": self.server.tag,
            "Content-Length": str(len(content) - start),
            "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}",
        }
        for name, value in {**headers, **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[start : self.server.cut])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield found
        found.shutdown()


def test_a_file_is_fetched_once_and_then_found_in_the_cache(
    source: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = get_file("copy.bin", source.as_uri())
    assert path == str(cache / "copy.bin") and Path(path).read_bytes() == CONTENT
    assert f"Downloading data from {source.as_uri()}" in capsys.readouterr().out
    source.unlink()
    assert get_file("copy.bin", source.as_uri()) == path
    assert not capsys.readouterr().out
    assert os.listdir(cache) == ["copy.bin"]


def test_the_name_and_the_folders_of_a_file_can_be_chosen(source: Path, tmp_path: Path, cache: Path) -> None:
    assert get_file(origin=source.as_uri()) == str(cache / "data.bin")
    chosen = get_file(None, source.as_uri(), cache_dir=tmp_path / "other", cache_subdir="models")
    assert chosen == str(tmp_path / "other" / "models" / "data.bin")
    source.write_bytes(b"new")
    assert Path(get_file(origin=source.as_uri())).read_bytes() == CONTENT
    assert Path(get_file(origin=source.as_uri(), force_download=True)).read_bytes() == b"new"


def test_keras_1_took_the_folder_as_its_fifth_argument(source: Path, cache: Path) -> None:
    with config.dialect_scope("1"):
        assert get_file("a", source.as_uri(), False, None, "models") == str(cache.parent / "models" / "a")


def test_a_file_of_another_digest_is_fetched_anew(source: Path, cache: Path) -> None:
    md5, sha = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
    path = Path(get_file(origin=source.as_uri(), file_hash=sha))
    assert get_file(origin=source.as_uri(), file_hash=("0" * 32, md5)) == str(path)
    for arguments in ({"file_hash": sha}, {"md5_hash": md5}, {"file_hash": md5, "hash_algorithm": "md5"}):
        path.write_bytes(b"damaged")
        assert Path(get_file(origin=source.as_uri(), **arguments)).read_bytes() == CONTENT


def test_a_file_that_arrives_with_another_digest_is_refused_and_the_cached_one_stays(source: Path, cache: Path) -> None:
    path = Path(get_file(origin=source.as_uri()))
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match=f"its digests are .*{hashlib.md5(CONTENT).hexdigest()}.*, expected was 0000."):
        get_file(origin=source.as_uri(), file_hash="0000")
    assert path.read_bytes() == b"older"
    assert os.listdir(cache) == ["data.bin"]


def test_digests_are_those_of_hashlib(source: Path) -> None:
    sha = hashlib.sha256(CONTENT).hexdigest()
    assert _hash_file(source) == file_utils.hash_file(str(source), "sha256", 7) == sha
    assert _hash_file(source, "auto") == hashlib.md5(CONTENT).hexdigest()
    assert file_utils.hash_file(source, hashlib.sha1()) == hashlib.sha1(CONTENT).hexdigest()
    assert validate_file(source, sha) and not validate_file(source, sha, "md5")
    with pytest.raises(ValueError, match="`algorithm` must be 'auto', 'sha256' or 'md5'. Received: 'crc'"):
        validate_file(source, sha, "crc")


def test_without_the_file_the_error_says_what_to_put_where(tmp_path: Path, cache: Path) -> None:
    origin = (tmp_path / "nothing.npz").as_uri()
    with pytest.raises(
        OSError, match="'nothing.npz' is not in the cache.*failed: .*save it as '.*nothing.npz'"
    ) as found:
        get_file(origin=origin)
    assert origin in str(found.value) and str(cache / "nothing.npz") in str(found.value)
    assert os.listdir(cache) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"fname": "a"}, "`origin` must be the URL"),
        ({"origin": "http://127.0.0.1/"}, "`fname` must be given"),
        ({"origin": "gopher://x/y"}, "URL that begins with one of.*Received: 'gopher://x/y'"),
        ({"origin": "/etc/passwd"}, "URL that begins with one of"),
        ({"fname": "../a", "origin": "file:///x"}, "name without folders"),
        ({"fname": "/tmp/a", "origin": "file:///x"}, "name without folders"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        get_file(**arguments)


def test_a_download_that_breaks_off_is_resumed(server: Server, cache: Path) -> None:
    server.cut = 70_000
    with pytest.raises(OSError, match="70000 of 102400 bytes.*The first 70000 bytes are kept"):
        get_file(origin=server.origin)
    assert not (cache / "data.bin").exists()
    server.cut = None
    assert Path(get_file(origin=server.origin)).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=70000-"]
    assert os.listdir(cache) == ["data.bin"]


def test_the_rest_of_a_file_that_has_changed_meanwhile_is_not_used(server: Server) -> None:
    server.cut = 70_000
    with pytest.raises(OSError, match="are kept"):
        get_file(origin=server.origin)
    server.cut, server.tag = None, '"two"'
    assert Path(get_file(origin=server.origin)).read_bytes() == CONTENT


def test_a_file_that_was_received_but_not_put_in_its_place_is_fetched_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            downloads, "_complete", lambda origin, path, part, file, check: downloads._receive(origin, part, file)
        )
        path = Path(get_file(origin=server.origin))
    assert not path.exists()
    assert Path(get_file(origin=server.origin)).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={len(CONTENT)}-", None]


def test_refusals_of_the_server_are_told(server: Server, cache: Path) -> None:
    server.status = 404
    with pytest.raises(OSError, match="failed: HTTP 404 Not Found"):
        get_file(origin=server.origin)
    assert os.listdir(cache) == []


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a length that is no number": ({"headers": {"Content-Length": "many"}}, "`Content-Length` is no number.*'many'"),
    "a length of too many digits": ({"headers": {"Content-Length": "9" * 5000}}, "`Content-Length` is no number"),
    "a length below zero": ({"headers": {"Content-Length": "-1"}}, "`Content-Length` is no number"),
    "a longer length": ({"headers": {"Content-Length": "200000"}}, "ended after 102400 of 200000 bytes"),
    "redirects in a circle": ({"status": 302, "headers": {"Location": "/folder/data.bin"}}, "HTTP 302.*infinite loop"),
    "a redirect to a file": ({"status": 302, "headers": {"Location": "file:///etc/passwd"}}, "HTTP 302.*not allowed"),
    "an answer without a file": ({"status": 202, "content": b"Wait."}, "answered 202 Accepted, which holds no file"),
    "a part nobody asked for": ({"status": 206, "headers": {"Content-Range": "bytes 5-9/10"}}, "another part.*5-9/10"),
    "a part alone": ({"status": 206, "headers": {"Content-Range": "bytes 0-9/20"}}, "does not reach the end"),
    "a page to sign in": ({"content": b"\n<!DOCTYPE html><title>Sign in</title>" + CONTENT}, "sent a web page"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_answers_of_a_server_name_the_file_and_what_to_do(server: Server, cache: Path, case: str) -> None:
    settings, problem = BROKEN[case]
    vars(server).update(settings)
    with pytest.raises(OSError, match=f"'data.h5' is not in the cache.*{problem}.*save it as '{cache / 'data.h5'}'"):
        get_file("data.h5", server.origin)
    if case == "a longer length":
        return
    assert os.listdir(cache) == []
    vars(server).update(status=200, headers={}, content=CONTENT)
    assert Path(get_file("data.h5", server.origin)).read_bytes() == CONTENT


def test_a_place_that_cannot_be_made_out_is_told(cache: Path) -> None:
    with pytest.raises(OSError, match="'data.h5' is not in the cache.*label empty or too long"):
        get_file("data.h5", "https://a..b/")
    assert os.listdir(cache) == []


def test_a_web_page_may_be_what_is_wanted(server: Server) -> None:
    server.content = b"<html>" + CONTENT
    assert Path(get_file("page", server.origin)).read_bytes() == server.content


def test_what_is_left_of_a_file_is_given_up_if_the_server_sends_wrong_parts(server: Server, cache: Path) -> None:
    server.cut = 70_000
    with pytest.raises(OSError, match="are kept"):
        get_file(origin=server.origin)
    server.cut, server.headers = None, {"Content-Range": "bytes 7-102399/102400"}
    with pytest.raises(OSError, match="another part than was asked for: 'bytes 7-102399/102400'"):
        get_file(origin=server.origin)
    assert os.listdir(cache) == []
    server.headers = {}
    assert Path(get_file(origin=server.origin)).read_bytes() == CONTENT


def test_two_that_want_the_same_file_fetch_it_once(server: Server, cache: Path) -> None:
    threads = [threading.Thread(target=get_file, kwargs={"origin": server.origin}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (cache / "data.bin").read_bytes() == CONTENT
    assert os.listdir(cache) == ["data.bin"]
    assert len(server.asked) == 1


def tar_of(path: Path, members: list[tarfile.TarInfo], mode: str = "w:gz") -> str:
    with tarfile.open(path, mode) as file:
        for member in members:
            file.addfile(member, io.BytesIO(b"x" * member.size))
    return path.as_uri()


def member(name: str, size: int = 3, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_todays_dialect_unpacks_into_a_folder_of_its_own(tmp_path: Path, cache: Path, mode: str) -> None:
    origin = tar_of(tmp_path / "set.tgz", [member("set/a.txt"), member("./set/b/c.txt"), member("d.txt")], mode)
    names = ["d.txt", "set/a.txt", "set/b/c.txt"]
    assert get_file("named.tgz", origin, extract=True) == str(cache / "named_extracted")
    assert get_file("named", origin, untar=True) == str(cache / "named")
    assert get_file(origin=origin, extract=True) == str(cache / "set.tgz")
    assert below(cache / "named_extracted") == below(cache / "named") == below(cache / "set.tgz") == names
    assert sorted(path.name for path in cache.iterdir() if path.is_file()) == [
        "named.tgz",
        "named_archive",
        "set.tgz_archive",
    ]


@pytest.mark.parametrize("dialect", ["1", "2", "tf"])
def test_the_older_dialects_unpack_beside_the_archive(tmp_path: Path, cache: Path, dialect: str) -> None:
    origin = tar_of(tmp_path / "set.tar.gz", [member("set/a.txt")])
    with config.dialect_scope(dialect):
        assert get_file("set", origin=origin, untar=True) == str(cache / "set")
        assert below(cache) == ["set.tar.gz", "set/a.txt"]
        (cache / "set" / "a.txt").unlink()
        get_file("set", origin=origin, untar=True)
        assert below(cache) == ["set.tar.gz"]
        assert get_file("set.tar.gz", origin=origin, extract=True) == str(cache / "set.tar.gz")
        assert below(cache) == ["set.tar.gz", "set/a.txt"]
        chosen = str(tmp_path / "elsewhere" / "set.bin")
        assert get_file(chosen, origin=origin) == chosen


def test_zip_archives_are_unpacked_and_others_are_left_with_a_warning(
    tmp_path: Path, cache: Path, source: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("set/a.txt", "abc")
        file.writestr("set/empty/", "")
    origin = (tmp_path / "set.zip").as_uri()
    assert below(Path(get_file("set.zip", origin, extract=True))) == ["set/a.txt"]
    with pytest.warns(UserWarning, match="set.zip' was not unpacked: it is no archive of the kind.*'tar'"):
        get_file("set.zip", origin, extract=True, archive_format="tar")
    with pytest.warns(UserWarning, match="was not unpacked"):
        get_file(origin=source.as_uri(), extract=True)
    with pytest.raises(ValueError, match="`archive_format` must be 'tar', 'zip'.*Received: 'rar'"):
        get_file("set.zip", origin, extract=True, archive_format="rar")
    assert archives.extract_archive(tmp_path / "set.zip", tmp_path, None) is False


@pytest.mark.parametrize(
    "hostile",
    [
        member("../out.txt"),
        member("a/../../out.txt"),
        member("/tmp/keras_torch_out.txt"),
        member("link", 0, tarfile.SYMTYPE, "../.."),
        member("a/link", 0, tarfile.SYMTYPE, "/etc"),
        member("link", 0, tarfile.LNKTYPE, "../out.txt"),
        member("..", 0, tarfile.DIRTYPE),
    ],
    ids=lambda info: f"{info.name}-{info.linkname}",
)
def test_nothing_is_unpacked_of_a_tar_archive_that_leads_elsewhere(
    tmp_path: Path, cache: Path, hostile: tarfile.TarInfo
) -> None:
    origin = tar_of(tmp_path / "set.tar", [member("good.txt"), hostile])
    with pytest.raises(FileFormatError, match="set.tar' is refused: .* leads out of the folder"):
        get_file("set.tar", origin, extract=True)
    assert below(tmp_path) == ["home/datasets/set.tar", "set.tar"]


def test_nothing_is_unpacked_of_a_zip_archive_that_leads_elsewhere(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for name, content in (("../out.txt", "x"), ("/out.txt", "x"), (link, "../../x")):
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
            file.writestr("good.txt", "x")
            file.writestr(name, content)
        with pytest.raises(FileFormatError, match="leads out of the folder"):
            archives.extract_archive(tmp_path / "set.zip", tmp_path / "target")
        assert below(tmp_path) == ["set.zip"]


def test_links_within_an_archive_and_devices_are_left_out_with_a_warning(tmp_path: Path) -> None:
    tar_of(
        tmp_path / "set.tar",
        [
            member("a/b.txt"),
            member("a/link", 0, tarfile.SYMTYPE, "b.txt"),
            member("hard", 0, tarfile.LNKTYPE, "a/b.txt"),
            member("pipe", 0, tarfile.FIFOTYPE),
        ],
    )
    with pytest.warns(
        UserWarning, match=r"3 members .* links or devices and were left out: \['a/link', 'hard', 'pipe'\]"
    ):
        assert archives.extract_archive(tmp_path / "set.tar", tmp_path / "target")
    assert below(tmp_path / "target") == ["a/b.txt"]


def test_a_link_in_the_folder_is_not_followed_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target" / "a").symlink_to(tmp_path / "elsewhere")
    tar_of(tmp_path / "set.tar", [member("a/b.txt")])
    with pytest.raises(FileFormatError, match="leads out of it"):
        archives.extract_archive(tmp_path / "set.tar", tmp_path / "target")
    assert below(tmp_path) == ["set.tar"]


def test_archives_that_grow_without_bounds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL_BYTES", 50_000)
    tar_of(tmp_path / "one.tgz", [member("a", 300_000)])
    tar_of(tmp_path / "many.tgz", [member(f"a{i}", 20_000) for i in range(4)])
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a", b"\0" * 300_000)
    for name in ("one.tgz", "many.tgz", "one.zip"):
        with pytest.raises(FileFormatError, match="grows to more than"):
            archives.extract_archive(tmp_path / name, tmp_path / "target")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    tar_of(tmp_path / "count.tgz", [member(f"a{i}", 1) for i in range(3)])
    with pytest.raises(FileFormatError, match="more than 2 members"):
        archives.extract_archive(tmp_path / "count.tgz", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_damaged_archives_are_named_and_leave_nothing(tmp_path: Path) -> None:
    for name, mode in (("set.tgz", "w:gz"), ("set.tar", "w"), ("set.txz", "w:xz")):
        tar_of(tmp_path / name, [member("a", 100_000), member("b", 100_000)], mode)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(FileFormatError, match=f"{name}' is damaged"):
            archives.extract_archive(tmp_path / name, tmp_path / "target")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.writestr("a", b"x" * 1000)
    content = bytearray((tmp_path / "set.zip").read_bytes())
    content[200] ^= 1
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(FileFormatError, match="set.zip' is damaged.*CRC"):
        archives.extract_archive(tmp_path / "set.zip", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_one(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert get_file(origin=source.as_uri()) == str(tmp_path / ".keras" / "datasets" / "data.bin")
    monkeypatch.setattr(os, "getuid", lambda: -7)
    with pytest.raises(PermissionError, match="belongs to another user. Pass `cache_dir`"):
        get_file(origin=source.as_uri())
