"""Hashes of strings as TensorFlow computes them, for whole arrays at once: FarmHash's Fingerprint64 and SipHash-2-4.

Formulas: https://github.com/google/farmhash (farmhashna::Hash64) and https://www.aumasson.jp/siphash/siphash.pdf.
Strings are grouped by length, so that each step is numpy arithmetic on all strings of a group, modulo 2**64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

U64 = np.uint64
_K0, _K1, _K2 = U64(0xC3A5C85C97CB3127), U64(0xB492B66FBE98F273), U64(0x9AE16A3B2F90404F)
_SIP = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def fingerprints(strings: Iterable[str]) -> np.ndarray:
    """Return FarmHash's 64-bit fingerprint of each string, read as UTF-8, as uint64."""
    return _by_length(strings, _farmhash)


def keyed_hashes(strings: Iterable[str], key: Sequence[int]) -> np.ndarray:
    """Return the SipHash-2-4 of each string under a key of two 64-bit numbers, as uint64."""
    return _by_length(strings, lambda rows, length: _siphash(rows, length, key))


def buckets(values: np.ndarray, count: int, salt: Sequence[int] | None = None) -> np.ndarray:
    """Return the bucket, below `count`, of each item of an array of strings or integers; integers count as digits.

    Every different item is hashed once.
    """
    items = values.ravel().tolist()
    different = {item: index for index, item in enumerate(dict.fromkeys(items))}
    texts = [str(item) for item in different]
    hashes = fingerprints(texts) if salt is None else keyed_hashes(texts, salt)
    found = (hashes % U64(count)).astype(np.int64)
    positions = np.fromiter(map(different.__getitem__, items), np.int64, len(items))
    return found[positions].reshape(values.shape)


def _by_length(strings: Iterable[str], function: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    encoded = [text.encode() for text in strings]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    result = np.zeros(len(encoded), U64)
    with np.errstate(over="ignore"):
        for length in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == length)
            joined = b"".join([encoded[row] for row in rows])
            matrix = np.frombuffer(joined, np.uint8).reshape(len(rows), length)
            result[rows] = function(matrix, length)
    return result


def _word(rows: np.ndarray, start: int, size: int = 8) -> np.ndarray:
    """Return `size` bytes of every row, from `start` on (from the end if negative), as little-endian numbers."""
    start = start if start >= 0 else rows.shape[1] + start
    part = np.ascontiguousarray(rows[:, start : start + size])
    return part.view("<u8" if size == 8 else "<u4")[:, 0].astype(U64)


def _rotate(value: np.ndarray, bits: int) -> np.ndarray:
    return (value >> U64(bits)) | (value << U64(64 - bits))


def _mix(value: np.ndarray) -> np.ndarray:
    return value ^ (value >> U64(47))


def _combine(first: np.ndarray, second: np.ndarray, factor: np.ndarray | np.uint64) -> np.ndarray:
    mixed = _mix((first ^ second) * factor)
    return _mix((second ^ mixed) * factor) * factor


def _farmhash(rows: np.ndarray, length: int) -> np.ndarray:
    if length <= 16:
        return _farmhash_16(rows, length)
    return _farmhash_32(rows, length) if length <= 32 else _farmhash_long(rows, length)


def _farmhash_16(rows: np.ndarray, length: int) -> np.ndarray:
    factor = _K2 + U64(2 * length)
    if length >= 8:
        first, last = _word(rows, 0) + _K2, _word(rows, -8)
        return _combine(_rotate(last, 37) * factor + first, (_rotate(first, 25) + last) * factor, factor)
    if length >= 4:
        return _combine(U64(length) + (_word(rows, 0, 4) << U64(3)), _word(rows, -4, 4), factor)
    if length == 0:
        return np.full(len(rows), _K2)
    first, middle, last = (rows[:, place].astype(U64) for place in (0, length >> 1, length - 1))
    return _mix((first + (middle << U64(8))) * _K2 ^ (U64(length) + (last << U64(2))) * _K0) * _K2


def _farmhash_32(rows: np.ndarray, length: int) -> np.ndarray:
    factor = _K2 + U64(2 * length)
    a, b = _word(rows, 0) * _K1, _word(rows, 8)
    c, d = _word(rows, -8) * factor, _word(rows, -16) * _K2
    return _combine(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, factor)


def _farmhash_long(rows: np.ndarray, length: int) -> np.ndarray:
    if length <= 64:
        return _farmhash_64(rows, length)
    seed = U64(81)
    x = np.full(len(rows), seed)
    y = np.full(len(rows), seed * _K1 + U64(113))
    z = _mix(y * _K2 + U64(113)) * _K2
    v = w = (np.zeros(len(rows), U64), np.zeros(len(rows), U64))
    x = x * _K2 + _word(rows, 0)
    for start in range(0, (length - 1) // 64 * 64, 64):
        x, y, z, v, w = _round(rows, start, x, y, z, v, w, _K1, U64(1), U64(1))
        x, z = z, x
    factor = _K1 + ((z & U64(0xFF)) << U64(1))
    w = (w[0] + U64((length - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _round(rows, length - 64, x, y, z, v, w, factor, U64(9), U64(9))
    x, z = z, x
    return _combine(
        _combine(v[0], w[0], factor) + _mix(y) * _K0 + z,
        _combine(v[1], w[1], factor) + x,
        factor,
    )


def _round(
    rows: np.ndarray,
    start: int,
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    v: tuple[np.ndarray, np.ndarray],
    w: tuple[np.ndarray, np.ndarray],
    factor: np.ndarray | np.uint64,
    of_w: np.uint64,
    of_v: np.uint64,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """One pass over 64 bytes; the last one multiplies by other numbers."""
    x = _rotate(x + y + v[0] + _word(rows, start + 8), 37) * factor
    y = _rotate(y + v[1] + _word(rows, start + 48), 42) * factor
    x = x ^ w[1] * of_w
    y = y + v[0] * of_v + _word(rows, start + 40)
    z = _rotate(z + w[0], 33) * factor
    v = _weak(rows, start, v[1] * factor, x + w[0])
    w = _weak(rows, start + 32, z + w[1], y + _word(rows, start + 16))
    return x, y, z, v, w


def _weak(rows: np.ndarray, start: int, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second, third, fourth = (_word(rows, start + offset) for offset in (0, 8, 16, 24))
    a = a + first
    b = _rotate(b + a + fourth, 21)
    total = a + second + third
    return total + fourth, b + _rotate(total, 44) + a


def _farmhash_64(rows: np.ndarray, length: int) -> np.ndarray:
    factor = _K2 + U64(2 * length)
    a, b = _word(rows, 0) * _K2, _word(rows, 8)
    c, d = _word(rows, -8) * factor, _word(rows, -16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _combine(y, a + _rotate(b + _K2, 18) + c, factor)
    e, f = _word(rows, 16) * factor, _word(rows, 24)
    g, h = (y + _word(rows, -32)) * factor, (z + _word(rows, -24)) * factor
    return _combine(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, factor)


def _siphash(rows: np.ndarray, length: int, key: Sequence[int]) -> np.ndarray:
    keys = [U64(number & 0xFFFFFFFFFFFFFFFF) for number in key]
    state = [np.full(len(rows), keys[place % 2] ^ U64(constant)) for place, constant in enumerate(_SIP)]
    padded = np.zeros((len(rows), (length // 8 + 1) * 8), np.uint8)
    padded[:, :length] = rows
    padded[:, -1] = length & 0xFF
    for start in range(0, padded.shape[1], 8):
        word = _word(padded, start)
        state[3] = state[3] ^ word
        state = _sip_round(_sip_round(state))
        state[0] = state[0] ^ word
    state[2] = state[2] ^ U64(0xFF)
    for _ in range(4):
        state = _sip_round(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(state: list[np.ndarray]) -> list[np.ndarray]:
    a, b, c, d = state
    a, c = a + b, c + d
    b, d = _rotate(b, 64 - 13) ^ a, _rotate(d, 64 - 16) ^ c
    a = _rotate(a, 64 - 32)
    c, a = c + b, a + d
    b, d = _rotate(b, 64 - 17) ^ c, _rotate(d, 64 - 21) ^ a
    return [a, b, _rotate(c, 64 - 32), d]
