"""A server on 127.0.0.1 that behaves as archive servers and the hub do: ETags, ranges, redirects, broken lines."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """`files` by path; change its attributes between requests to change what it does. `log` holds what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}  # ETag by path, where it shall not be the content's hash
        self.breaks: list[int] = []  # bytes after which the next answers break off, one each
        self.statuses: list[int] = []  # what the next requests are answered with instead, one each
        self.seconds_per_chunk = 0.0  # slows every 64 KiB down
        self.hub: dict[str, dict[str, str]] = {}  # headers of the hub's own answers by path
        self.log: list[tuple[str, str, Message]] = []

    def asked(self, method: str, path: str) -> list[Message]:
        """Headers of the requests for a path."""
        return [
            headers for asked_method, asked_path, headers in self.log if (asked_method, asked_path) == (method, path)
        ]

    def add_hub_file(self, repository: str, revision: str, name: str, content: bytes, large: bool) -> None:
        """A file as the hub serves it: a large one by a redirect to elsewhere, with its sha256 in X-Linked-ETag."""
        path = f"/{repository}/resolve/{revision}/{name}"
        self.files[f"/elsewhere/{name}" if large else path] = content
        git_hash = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        tag = hashlib.sha256(content).hexdigest() if large else git_hash
        self.tags[f"/elsewhere/{name}" if large else path] = f'"{tag}"'
        if large:
            self.files[path] = b""
        self.hub[path] = {"X-Repo-Commit": revision, "X-Linked-ETag": f'"{tag}"', "X-Linked-Size": str(len(content))}
        if large:
            self.hub[path]["Location"] = f"http://localhost:{self.server_port}/elsewhere/{name}"

    def handle_error(self, request, client_address) -> None:
        """Clients that go away are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def log_message(self, *_) -> None:
        pass

    def answer(self, body: bool) -> None:
        server, path = self.server, self.path.split("?")[0]
        server.log.append((self.command, path, self.headers))
        if server.statuses:
            return self.refuse(server.statuses.pop(0))
        if path not in server.files:
            return self.refuse(404)
        content, extra = server.files[path], server.hub.get(path, {})
        if "Location" in extra:
            return self.head(302, {**extra, "Content-Length": "0"})
        tag = server.tags.get(path, f'"{hashlib.sha256(content).hexdigest()}"')
        start = self.start(tag)
        if start and start >= len(content):
            return self.head(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
        headers = {"ETag": tag, "Content-Length": str(len(content) - start), **extra}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.head(206 if start else 200, headers)
        if body:
            self.send(content[start:])

    def start(self, tag: str) -> int:
        """First byte asked for, if the client's idea of the file is still right."""
        if "Range" not in self.headers or self.headers.get("If-Range", tag) != tag:
            return 0
        return int(self.headers["Range"].removeprefix("bytes=").split("-")[0])

    def send(self, content: bytes) -> None:
        end = self.server.breaks.pop(0) if self.server.breaks else len(content)
        for place in range(0, min(end, len(content)), 65536):
            self.wfile.write(content[place : min(place + 65536, end)])
            time.sleep(self.server.seconds_per_chunk)
        if end < len(content):
            self.close_connection = True

    def refuse(self, status: int) -> None:
        self.head(status, {"Content-Length": "0"})

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
