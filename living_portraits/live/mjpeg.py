"""The portrait in a browser on this machine: a page, and a stream of JPEG pictures that every browser shows."""

import json
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Any

import cv2

from living_portraits.engine import Frame
from living_portraits.errors import OutputError
from living_portraits.live.meter import Meter
from living_portraits.live.session import Session
from living_portraits.live.wishes import Wishes

ADDRESS = "127.0.0.1"
"""This machine alone: nobody else is to look in."""

_QUALITY = 85
_BOUNDARY = "frame"
_BETWEEN = f"--{_BOUNDARY}\r\n".encode()
_PAGE = Path(__file__).parent / "page.html"
_SLOW = 0.5  # s; a browser that takes longer to take a picture is not waited for


class Browser:
    """A page at `url` with the picture, how old it is, and a button for the neutral face.

    Args:
        port: 0: any that is free.

    Raises OutputError if the port is taken.
    """

    def __init__(self, session: Session, meter: Meter, wishes: Wishes, *, port: int = 0) -> None:
        self._session, self._meter, self._wishes = session, meter, wishes
        self._changed = Condition()
        self._picture, self._number = b"", 0
        self._watching = self._sent = 0
        self._open = True
        try:
            self._server = ThreadingHTTPServer((ADDRESS, port), _handler(self))
        except (OSError, OverflowError) as error:
            raise OutputError(f"The port {port} cannot be opened ({error}); choose another with --port.") from error
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self._server.server_address[1]}/"

    def __enter__(self) -> "Browser":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def show(self, frame: Frame) -> None:
        """Returns when a browser that watches has been sent the picture; at once if none does."""
        _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        with self._changed:
            self._picture, self._number = data.tobytes(), self._number + 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._watching or self._sent >= self._number, _SLOW)

    def status(self) -> dict[str, Any]:
        """What the page tells."""
        return {"state": self._session.state, **self._meter.now()}

    def take_rest(self) -> None:
        """What the page's button asks for."""
        self._wishes.rest.set()

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        """Sends picture after picture, the newest each time, until the browser goes or all ends."""
        with self._changed:
            self._watching += 1
        seen = 0
        try:
            handler.wfile.write(_BETWEEN)
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._number > seen or not self._open)  # noqa: B023 (called here)
                    if not self._open:
                        return
                    picture, seen = self._picture, self._number
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
                # With what ends it: browsers show a picture when they see its end, not when they have all of it.
                handler.wfile.write(head + picture + b"\r\n" + _BETWEEN)
                with self._changed:
                    self._sent = max(self._sent, seen)
                    self._changed.notify_all()
        except OSError:  # the browser has gone
            return
        finally:
            with self._changed:
                self._watching -= 1
                self._changed.notify_all()


def _handler(browser: Browser) -> type[BaseHTTPRequestHandler]:
    """Answers for one browser's requests."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # s; a browser that hangs holds a thread

        def do_GET(self) -> None:
            if not self._local():
                return
            if self.path == "/":
                self._answer(_PAGE.read_bytes(), "text/html; charset=utf-8")
            elif self.path == "/status":
                self._answer(json.dumps(browser.status()).encode(), "application/json")
            elif self.path == "/stream":
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
                browser.send(self)
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def do_POST(self) -> None:
            if not self._local():
                return
            if self.path == "/rest":
                browser.take_rest()
                self._answer(b"{}", "application/json")
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def log_message(self, format: str, *values: object) -> None:
            """Says nothing: the terminal is for the figures."""

        def _local(self) -> bool:
            """Whether the page itself asks: pages of other names, or from elsewhere, get nothing."""
            here = browser.url.removeprefix("http://").removesuffix("/")
            origin = self.headers.get("Origin", browser.url.removesuffix("/"))
            if self.headers.get("Host") == here and origin == f"http://{here}":
                return True
            self.send_error(HTTPStatus.FORBIDDEN)
            return False

        def _head(self, kind: str, length: int | None = None) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", "no-store")
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()

        def _answer(self, body: bytes, kind: str) -> None:
            self._head(kind, len(body))
            self.wfile.write(body)

    return Handler
