"""`tf.io`: reading files, images and sounds, by Python, Pillow and wave; and `tf.io.gfile` on the file system."""

from __future__ import annotations

import glob as globbing
import io
import os
import shutil
import wave
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from keras_torch.backend.string_array import StringArray, encoded
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import STRING, as_dtype
from keras_torch.dropin.tensorflow.images import convert_image_dtype
from keras_torch.utils.images import pillow


class Content(bytes):
    """The bytes of a file in the place of a scalar of `tf.string`."""

    dtype = STRING
    shape = torch.Size()

    def numpy(self) -> bytes:
        """Return the bytes."""
        return bytes(self)

    def get_shape(self) -> torch.Size:
        """That of a scalar."""
        return self.shape


def as_path(name: Any) -> str:
    """Return the path in a text, a scalar of text, or a Path."""
    if isinstance(name, (StringArray, np.ndarray)):
        name = name.item()
    return os.fsdecode(name)


def read_file(filename: Any) -> Content:
    """Return the bytes of a file."""
    with open(as_path(filename), "rb") as file:
        return Content(file.read())


def write_file(filename: Any, contents: Any) -> None:
    """Write bytes to a file, whose folder is made if need be."""
    path = as_path(filename)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(as_bytes(contents))


def as_bytes(contents: Any) -> bytes:
    """Return the bytes in a scalar of text."""
    if isinstance(contents, (StringArray, np.ndarray)):
        contents = contents.item()
    return encoded(contents) if isinstance(contents, str) else bytes(contents)


_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _image(contents: Any, channels: Any, name: str) -> np.ndarray:
    image = pillow(f"`{name}`").open(io.BytesIO(as_bytes(contents)))
    if channels:
        image = image.convert(_MODES[int(channels)])
    elif image.mode not in (*_MODES.values(), "I;16", "I"):
        image = image.convert("RGB")
    pixels = np.array(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _decoder(name: str) -> Any:
    def call(contents: Any, channels: Any = 0, dtype: Any = "uint8", **options: Any) -> Any:
        pixels = _image(contents, channels, name)
        if as_dtype(dtype) is torch.uint16:
            return torch.from_numpy(pixels.astype("int32")).to(torch.uint16)
        return torch.from_numpy(pixels.astype("uint8"))

    call.__name__ = name.rpartition(".")[2]
    return call


def decode_gif(contents: Any) -> Any:
    """All pictures of a GIF file: (frames, height, width, 3)."""
    image = pillow("`tf.io.decode_gif`").open(io.BytesIO(as_bytes(contents)))
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append(np.array(image.convert("RGB")))
    return torch.from_numpy(np.stack(frames))


def decode_image(contents: Any, channels: Any = None, dtype: Any = "uint8", expand_animations: bool = True) -> Any:
    """The picture in a file of any format that Pillow knows; the pictures of a GIF one after the other."""
    data = as_bytes(contents)
    if data[:3] == b"GIF":
        found = decode_gif(data)
        found = found if expand_animations else found[0]
    else:
        found = torch.from_numpy(_image(data, channels, "tf.io.decode_image").astype("uint8"))
    return convert_image_dtype(found, dtype)


def _encoder(kind: str) -> Any:
    def call(image: Any, format: str = "", quality: int = 95, **options: Any) -> Content:  # noqa: A002
        pixels = convert_to_tensor(image).cpu().numpy().astype("uint8")
        picture = pillow(f"`tf.io.encode_{kind}`").fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        target = io.BytesIO()
        picture.save(target, kind, **({"quality": quality} if kind == "jpeg" else {}))
        return Content(target.getvalue())

    call.__name__ = f"encode_{kind}"
    return call


def decode_raw(input_bytes: Any, out_type: Any, little_endian: bool = True, fixed_length: Any = None) -> Any:
    """Bytes as numbers of a type."""
    name = np.dtype(str(as_dtype(out_type)).removeprefix("torch.")).newbyteorder("<" if little_endian else ">")
    array = np.frombuffer(as_bytes(input_bytes), name)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


def decode_wav(contents: Any, desired_channels: int = -1, desired_samples: int = -1) -> Any:
    """A WAV file of 16 bits as samples in [-1, 1), (samples, channels), and the sample rate."""
    with wave.open(io.BytesIO(as_bytes(contents))) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"`decode_wav` reads samples of 16 bits. Received: {8 * file.getsampwidth()} bits")
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        rate = file.getframerate()
    sound = torch.from_numpy(data.astype("float32") / 32768.0)
    if desired_channels > 0:
        sound = sound[:, :desired_channels]
    if desired_samples > 0:
        sound = sound[:desired_samples]
        sound = torch.nn.functional.pad(sound, (0, 0, 0, desired_samples - len(sound)))
    return Sound(sound, torch.tensor(rate, dtype=torch.int32))


class Sound(NamedTuple):
    """The samples of a sound, and how many a second has."""

    audio: Any
    sample_rate: Any


def encode_wav(audio: Any, sample_rate: Any) -> Content:
    """Samples in [-1, 1), (samples, channels), as a WAV file of 16 bits."""
    target = io.BytesIO()
    samples = convert_to_tensor(audio).detach().cpu().clamp(-1, 1)
    with wave.open(target, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        file.writeframes((samples * 32767).round().to(torch.int16).numpy().astype("<i2").tobytes())
    return Content(target.getvalue())


def matching_files(pattern: Any) -> Any:
    """The sorted paths of files that match a pattern."""
    return convert_to_tensor(sorted(globbing.glob(as_path(pattern))) or np.empty(0, object), "string")


class GFile:
    """`tf.io.gfile.GFile(name, mode)`: Python's `open`."""

    def __new__(cls, name: Any, mode: str = "r") -> Any:
        """Return the open file."""
        return open(as_path(name), mode)  # noqa: SIM115 - the caller's to close


def gfile_glob(pattern: Any) -> list[str]:
    """Paths that match a pattern."""
    patterns = pattern if isinstance(pattern, (list, tuple)) else [pattern]
    return sorted(path for item in patterns for path in globbing.glob(as_path(item)))


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copy a file. FileExistsError if there is one already and `overwrite` is false."""
    if os.path.exists(as_path(dst)) and not overwrite:
        raise FileExistsError(f"`gfile.copy` found a file at {as_path(dst)!r}; pass `overwrite=True` to replace it.")
    shutil.copyfile(as_path(src), as_path(dst))


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Move a file. FileExistsError if there is one already and `overwrite` is false."""
    if os.path.exists(as_path(dst)) and not overwrite:
        raise FileExistsError(f"`gfile.rename` found a file at {as_path(dst)!r}; pass `overwrite=True` to replace it.")
    os.replace(as_path(src), as_path(dst))


def walk(top: Any, topdown: bool = True, onerror: Any = None) -> Iterator[Any]:
    """Folders, their folders and files, as `os.walk`."""
    return os.walk(as_path(top), topdown, onerror)


_GFILE = {
    "GFile Open FastGFile": GFile,
    "copy Copy": copy,
    "exists Exists": lambda path: os.path.exists(as_path(path)),
    "glob Glob": gfile_glob,
    "isdir IsDirectory": lambda path: os.path.isdir(as_path(path)),
    "join": lambda path, *paths: os.path.join(as_path(path), *map(as_path, paths)),
    "listdir ListDirectory": lambda path: os.listdir(as_path(path)),
    "makedirs MakeDirs": lambda path: os.makedirs(as_path(path), exist_ok=True),
    "mkdir MkDir": lambda path: os.mkdir(as_path(path)),
    "remove Remove": lambda path: os.remove(as_path(path)),
    "rename Rename": rename,
    "rmtree DeleteRecursively": lambda path: shutil.rmtree(as_path(path)),
    "stat Stat": lambda path: os.stat(as_path(path)),
    "walk Walk": walk,
}
_KINDS = ("bmp", "jpeg", "png")
NAMES: dict[str, Any] = {
    **{f"io.decode_{kind} image.decode_{kind}": _decoder(f"tf.io.decode_{kind}") for kind in _KINDS},
    **{f"io.gfile.{names.split()[0]}": item for names, item in _GFILE.items()},
    "audio.decode_wav": decode_wav,
    "audio.encode_wav": encode_wav,
    "io.decode_gif image.decode_gif": decode_gif,
    "io.decode_image image.decode_image": decode_image,
    "io.decode_raw": decode_raw,
    "io.encode_jpeg image.encode_jpeg": _encoder("jpeg"),
    "io.encode_png image.encode_png": _encoder("png"),
    "io.matching_files": matching_files,
    "io.read_file": read_file,
    "io.write_file": write_file,
}
VERSION_1: dict[str, Any] = {
    **{" ".join(f"gfile.{name}" for name in names.split()): item for names, item in _GFILE.items()},
    "decode_raw": decode_raw,
    "matching_files": matching_files,
    "read_file": read_file,
    "write_file": write_file,
}
