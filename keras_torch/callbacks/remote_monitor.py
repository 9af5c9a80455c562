"""RemoteMonitor: the results of epochs, sent to a server."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_torch.callbacks.base import Callback


class RemoteMonitor(Callback):
    """Sends the epoch's number and logs to `root + path` by HTTP POST after each epoch, with the standard library.

    `field` is the name of the form's field that holds them as JSON; with `send_as_json` the JSON is the body itself.
    `headers` are added to the request's. A server that cannot be reached, or refuses, is a warning.
    """

    # Seconds until an unreachable server is given up; training waits meanwhile.
    timeout = 10.0

    only_writes = True

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(f"`root` of RemoteMonitor must begin with http:// or https://. Received: {root!r}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        results = {name: _plain(value) for name, value in (logs or {}).items()}
        content = json.dumps({"epoch": epoch, **results})
        kind, body = ("json", content) if self.send_as_json else ("x-www-form-urlencoded", self._form(content))
        request = urllib.request.Request(
            self.root + self.path, body.encode(), {"Content-Type": f"application/{kind}", **(self.headers or {})}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout):
                pass
        except (OSError, http.client.HTTPException) as error:
            warnings.warn(
                f"RemoteMonitor could not send the results of epoch {epoch} to {self.root}: {error}", stacklevel=2
            )

    def _form(self, content: str) -> str:
        return urllib.parse.urlencode({self.field: content})


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
