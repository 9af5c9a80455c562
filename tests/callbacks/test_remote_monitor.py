from __future__ import annotations

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

from keras_torch.callbacks import RemoteMonitor


@pytest.fixture
def server():
    """Yield (address, list of the requests that came)."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            requests.append((self.path, dict(self.headers), body))
            self.send_response(404 if self.path == "/refused" else 200)
            self.end_headers()

        def log_message(self, *args):
            pass

    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", requests
    made.shutdown()
    thread.join()
    made.server_close()


def test_results_are_sent_as_a_form_with_a_json_field(fit, server):
    address, requests = server
    fit([RemoteMonitor(address, field="results")], [{"loss": np.float32(0.5), "list": np.array([1.0, 2.0])}])
    (path, headers, body), *others = requests
    assert path == "/publish/epoch/end/" and not others
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    fields = urllib.parse.parse_qs(body)
    assert list(fields) == ["results"]
    assert json.loads(fields["results"][0]) == {"epoch": 0, "loss": 0.5, "list": [1.0, 2.0]}


def test_results_are_sent_as_json_with_the_users_headers(fit, server):
    address, requests = server
    monitor = RemoteMonitor(address, path="/mine", headers={"X-Token": "abc"}, send_as_json=True)
    fit([monitor], [{"loss": 0.5}, {"loss": 0.25}])
    assert [(path, json.loads(body)) for path, _, body in requests] == [
        ("/mine", {"epoch": 0, "loss": 0.5}),
        ("/mine", {"epoch": 1, "loss": 0.25}),
    ]
    assert requests[0][1]["X-Token"] == "abc" and requests[0][1]["Content-Type"] == "application/json"


def test_a_server_that_refuses_or_is_not_there_is_a_warning(fit, server):
    address, _ = server
    with pytest.warns(UserWarning, match="could not send the results of epoch 0 .*404"):
        assert fit([RemoteMonitor(address, path="/refused")], [{"loss": 0.5}]) == 1
    with pytest.warns(UserWarning, match="could not send the results of epoch 0 to http://127.0.0.1:9"):
        assert fit([RemoteMonitor("http://127.0.0.1:9")], [{"loss": 0.5}]) == 1


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="`root` of RemoteMonitor must begin with http.*Received: 'file:///etc'"):
        RemoteMonitor("file:///etc")
