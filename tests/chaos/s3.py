"""A real S3 server (moto) in a process of its own, and a proxy before it that misbehaves by a seed."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BUCKET = "overplay-chaos"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
FAULTS = ("500", "503", "slow", "cut upload", "cut answer", "duplicate", "lost answer")
_SLOW_S = 0.3
_ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>chaos</Message></Error>'


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Bucket:
    """The server's one bucket.

    Attributes:
        endpoint: URL of the server.
    """

    endpoint: str

    def client(self) -> Any:
        """Return a boto3 client; it has no thread of its own and so survives forks."""
        return _client(self.endpoint, os.getpid())

    def tags(self, prefix: str) -> dict[str, str]:
        """Return the server's MD5 of each object below a prefix, by the rest of their keys."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
        entries = (entry for page in pages for entry in page.get("Contents", []))
        return {entry["Key"][len(prefix) + 1 :]: entry["ETag"].strip('"') for entry in entries}

    def read_all(self, prefix: str) -> dict[str, bytes]:
        """Return all objects below a prefix, by the rest of their keys; of equal ones, one is fetched."""
        client, found = self.client(), {}
        for name, tag in self.tags(prefix).items():
            if tag not in _BODIES:
                _BODIES[tag] = client.get_object(Bucket=BUCKET, Key=f"{prefix}/{name}")["Body"].read()
            found[name] = _BODIES[tag]
        return found

    def replace_all(self, prefix: str, folder: Path) -> None:
        """Make a prefix hold the files of a folder and nothing else; what is the same already stays."""
        client, there = self.client(), self.tags(prefix)
        wanted = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        for name in there.keys() - wanted.keys():
            client.delete_object(Bucket=BUCKET, Key=f"{prefix}/{name}")
        for name, path in wanted.items():
            if there.get(name) != _tag(path):
                client.put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=path.read_bytes())


#: Bodies of objects by their MD5.
_BODIES: dict[str, bytes] = {}


@lru_cache(maxsize=4)
def _client(endpoint: str, pid: int) -> Any:
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=endpoint, **keys)


@lru_cache(maxsize=100_000)
def _tag(path: Path) -> str:
    """Return the MD5 of a file of a state, which does not change."""
    return hashlib.md5(path.read_bytes()).hexdigest()


@contextmanager
def s3_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[Bucket]:
    """Run an S3 server with an empty bucket while the block runs."""
    port = port or free_port()
    code = (
        f"import sys; sys.argv = ['moto_server', '-H', '{host}', '-p', '{port}']; from moto.server import main; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bucket = Bucket(f"http://{host}:{port}")
    try:
        _wait_for(bucket.endpoint, process)
        bucket.client().create_bucket(Bucket=BUCKET)
        yield bucket
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"no S3 server at {url}; is moto[s3,server] installed? (make setup)")


class BadS3(ThreadingHTTPServer):
    """Hands requests on to an S3 server, a share of them wrong.

    Attributes:
        share: of the requests that go wrong, in [0, 1].
        counts: faults so far, by kind.
    """

    daemon_threads = True

    def __init__(self, endpoint: str, share: float, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = endpoint.removeprefix("http://")
        self.share = share
        self.counts: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: cut connections are meant."""

    def draw(self, method: str) -> str:
        """Return the fault of the next request, empty for none."""
        with self._lock:
            if self._rng.random() >= self.share:
                return ""
            kinds = FAULTS if method == "PUT" else FAULTS[:3] + FAULTS[4:5]
            fault = self._rng.choice(kinds)
            self.counts[fault] += 1
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BadS3

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        fault = self.server.draw(self.command)
        if fault == "cut upload":
            self.rfile.read(length // 2)
            self._hang_up()
            return
        body = self.rfile.read(length)
        if fault in ("500", "503"):
            data = _ERROR.format("InternalError" if fault == "500" else "SlowDown").encode()
            self._answer(int(fault), {"Content-Type": "application/xml"}, data)
            return
        if fault == "slow":
            time.sleep(_SLOW_S)
        if fault == "duplicate":
            self._ask(body)
        status, headers, data = self._ask(body)
        if fault == "lost answer":
            self._hang_up()
        elif fault == "cut answer" and len(data) > 1 and self.command != "HEAD":
            self._answer(status, headers, data, len(data) // 2)
            self._hang_up()
        else:
            self._answer(status, headers, data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815 - the base class's names

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
        if self.command == "HEAD" and answer.getheader("Content-Length"):
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        return answer.status, kept, data

    def _answer(self, status: int, headers: dict[str, str], data: bytes, send: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:send])

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


_HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "server", "date")


@contextmanager
def bad_s3(bucket: Bucket, share: float, seed: int) -> Iterator[BadS3]:
    """Run the proxy while the block runs."""
    server = BadS3(bucket.endpoint, share, seed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def use_endpoint(endpoint: str) -> None:
    """Point this process's S3 at a server; for forks that have not spoken to one before."""
    import fsspec

    os.environ.update(CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint})
    fsspec.config.conf.clear()
