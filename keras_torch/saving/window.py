"""Part of an open file as a file of its own."""

from __future__ import annotations

import io
import os
from typing import Any

from keras_torch.errors import FileFormatError
from keras_torch.saving.checksums import Sums


class Window(io.RawIOBase):
    """Part of an open file, as a file of its own. With `size` None it is open-ended and can be written to."""

    def __init__(self, file: Any, start: int = 0, size: int | None = None, name: str = "", limit: int = -1) -> None:
        super().__init__()
        self.name = name
        self._file = file
        self._start = start
        self._size = size
        self._position = 0
        self.limit = limit
        self.end = 0
        # Where those who read or write past this object note the checksums of what they had in hand.
        self.sums: Sums | None = None

    @property
    def file(self) -> Any:
        """The file that the window is part of."""
        return self._file

    @property
    def start(self) -> int:
        """Where the window begins in its file."""
        return self._start

    def size(self, available: int) -> int:
        """Return how many bytes the window has, at most those `available` from the beginning of its file."""
        left = max(0, available - self._start)
        return left if self._size is None else min(self._size, left)

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """Whether the window is open-ended."""
        return self._size is None

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Return the position in the window."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move within the window."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.length}[whence]
        if base + offset < 0:
            raise ValueError(f"Cannot seek to {base + offset}, in front of the beginning.")
        self._position = base + offset
        return self._position

    @property
    def length(self) -> int:
        """How many bytes the window has, or has been given so far."""
        return self.end if self._size is None else self._size

    def readinto(self, buffer: Any) -> int:
        """Read as much as fits and is there."""
        view = memoryview(buffer).cast("B")
        if 0 <= self.limit < len(view):
            raise FileFormatError(f"{self.name} asks for {len(view)} bytes at once, more than is allowed.")
        wanted = max(0, min(len(view), self.length - self._position))
        self._file.seek(self._start + self._position)
        done = 0
        while done < wanted:
            count = self._file.readinto(view[done:wanted]) if hasattr(self._file, "readinto") else None
            if count is None:
                data = self._file.read(wanted - done)
                count = len(data)
                view[done : done + count] = data
            if not count:
                break
            done += count
        self._position += done
        return done

    def read(self, size: int | None = -1) -> bytes:
        """Read `size` bytes, or all that are left."""
        left = max(0, self.length - self._position)
        size = left if size is None or size < 0 else min(size, left)
        if 0 <= self.limit < size:
            raise FileFormatError(f"{self.name} asks for {size} bytes at once, more than is allowed.")
        data = bytearray(size)
        return bytes(memoryview(data)[: self.readinto(data)])

    def write(self, data: Any) -> int:
        """Write at the position."""
        if self._size is not None:
            raise io.UnsupportedOperation("This part of the file cannot be written to.")
        view = memoryview(data).cast("B")
        self._file.seek(self._start + self._position)
        done = 0
        while done < len(view):
            done += self._file.write(view[done:])
        self._position += done
        self.end = max(self.end, self._position)
        return done

    def truncate(self, size: int | None = None) -> int:
        """Set where the window ends."""
        if self._size is not None:
            raise io.UnsupportedOperation("This part of the file cannot be written to.")
        self.end = self._position if size is None else size
        self._file.truncate(self._start + self.end)
        return self.end

    def flush(self) -> None:
        """Flush the file behind the window."""
        if self._size is None and not self._file.closed:
            self._file.flush()
