"""Checksums put together from those of pieces."""

import io
import zlib

import numpy as np
import pytest

from keras_torch.saving import raw_arrays
from keras_torch.saving.checksums import Sums, combine
from keras_torch.saving.window import Window

DATA = np.random.default_rng(5).bytes(3_000_000)


@pytest.mark.parametrize("size", [0, 1, 255, 4096, 2**20, 2_999_999])
def test_the_checksum_of_two_texts_follows_from_their_own(size):
    first, second = DATA[: len(DATA) - size], DATA[len(DATA) - size :]
    assert combine(zlib.crc32(first), zlib.crc32(second), size) == zlib.crc32(DATA)


def test_pieces_may_be_noted_in_any_order_and_twice_and_overlap():
    sums = Sums()
    for start, end in ((500, 900), (100, 400), (100, 400), (300, 600), (950, 2000)):
        sums.note(start, [DATA[start : start + 7], DATA[start + 7 : end]])
    assert list(sums.gaps(50, 1000)) == [(50, 100), (400, 500), (900, 1000)]
    with pytest.raises(ValueError, match="missing"):
        sums.total(50, 1000)
    for start, end in list(sums.gaps(50, 1000)):
        sums.note(start, [DATA[start:end]])
    assert sums.total(50, 1000) == zlib.crc32(DATA[50:1000])


@pytest.mark.parametrize("on_disk", [True, False])
def test_only_what_is_not_known_of_a_window_is_read(tmp_path, on_disk):
    (tmp_path / "x").write_bytes(DATA)
    with open(tmp_path / "x", "rb") if on_disk else io.BytesIO(DATA) as file:
        window = Window(file, 1000, 2_500_000)
        assert raw_arrays.checksum(window) == zlib.crc32(DATA[1000:2_501_000])
        window.sums = Sums()
        window.sums.note(200_000, [b"something else"])
        changed = bytearray(DATA)
        changed[200_000:200_014] = b"something else"
        assert raw_arrays.checksum(window) == zlib.crc32(changed[1000:2_501_000])
        with pytest.raises(OSError, match="ends"):
            raw_arrays.checksum(Window(file, 1000, 3_000_000))
