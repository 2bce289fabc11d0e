"""Daphne, with limits that hold before anything is taken into memory.

Daphne hands a request to the site when all of it has come, and has no limit of its own: 200 MB sent
to any address were 200 MB of memory. Here a body is measured while it comes, a request has to come
within seconds, and what is refused is refused before the site is asked.

Importing this installs Twisted's reactor: only the serve command does.
"""

import time

from csp.utils import build_policy
from daphne import http_protocol, ws_protocol
from daphne.server import Server
from django.conf import settings
from twisted.internet import reactor
from twisted.web import http

from .middleware import PRIVACY_HEADERS
from .origins import is_own_host
from .views.errors import FAILED, TOO_LARGE, TOO_SLOW, UNREADABLE, WRONG_HOST, Refusal

HEADERS_S = 10.0  # from the first byte of a request, or of a connection, to the end of its headers
BODY_S = 60.0  # from there to the end of its body
LINGER_S = 5.0  # how long the rest of a refused request is read and dropped
STALL_S = 30.0  # how long somebody may read nothing of an answer that waits for them
MAX_HEADERS = 100
MAX_MESSAGE_BYTES = (
    64 * 1024
)  # of a socket, in both directions; pages are told long things in parts
MESSAGES_PER_S = 20
FLOOD = 4429
BACKLOG = 2048  # Daphne's own 50 stalls a hundred tabs that connect at once for a second


def make_server(application) -> Server:
    """A server for HOST and PORT; `run()` serves until the process is told to end."""
    host = settings.HOST.replace(":", "\\:")
    server = Server(
        application,
        endpoints=[f"tcp:port={settings.PORT}:interface={host}:backlog={BACKLOG}"],
        server_name="playground",
        websocket_max_message_size=MAX_MESSAGE_BYTES,
        websocket_max_frame_size=MAX_MESSAGE_BYTES,
        # The factories exist by then, and no connection does yet.
        ready_callable=lambda: _put_in_place(server),
    )
    return server


def _put_in_place(server: Server) -> None:
    def channel_of(address) -> "Channel":
        channel = Channel()
        channel.factory, channel.requestFactory = server.http_factory, Request
        channel.callLater, channel.timeOut = reactor.callLater, server.http_factory.timeOut
        return channel

    server.http_factory.buildProtocol = channel_of
    server.ws_factory.protocol = Socket


class Channel(http.HTTPChannel):
    """One connection: its requests come in time, and no body of theirs is too long."""

    maxHeaders = MAX_HEADERS
    _clock = None  # runs out when a request does not come to its end
    _reading_clock = None  # runs out when an answer is not read
    _is_refused = False
    _written = 0  # bytes of answers

    def connectionMade(self) -> None:
        super().connectionMade()
        self._expect_within(HEADERS_S)

    def dataReceived(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._clock is None and not self._handlingRequest:
            self._expect_within(HEADERS_S)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if not self._is_refused:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(UNREADABLE)  # Twisted would close without a word

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(UNREADABLE)  # Twisted would close at once, and the reset take its answer away

    def allHeadersReceived(self) -> None:
        request = self.requests[-1]
        hosts = request.requestHeaders.getRawHeaders(b"Host", [])
        if not is_own_host([host.decode("latin-1") for host in hosts]):
            return self.refuse(WRONG_HOST)
        if self.length is not None and self.length > settings.MAX_BODY_BYTES:
            return self.refuse(TOO_LARGE)
        self._expect_within(BODY_S)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        self._stop_clock()
        if not self._is_refused:
            super().allContentReceived()

    def rawDataReceived(self, data: bytes) -> None:
        if not self._is_refused:
            super().rawDataReceived(data)

    def requestDone(self, request) -> None:
        super().requestDone(request)
        if self._clock is None and not self._handlingRequest and self._buffer:
            self._expect_within(HEADERS_S)  # of the next one, some is here already

    def write(self, data: bytes) -> None:
        self._written += len(data)
        super().write(data)

    def writeSequence(self, parts) -> None:
        self._written += sum(map(len, parts))
        super().writeSequence(parts)

    def pauseProducing(self) -> None:
        super().pauseProducing()
        self._watch_reader()

    def resumeProducing(self) -> None:
        self._stop_watching()
        super().resumeProducing()

    def connectionLost(self, reason) -> None:
        self._stop_clock()
        self._stop_watching()
        super().connectionLost(reason)

    def refuse(self, refusal: Refusal) -> None:
        """Answer now, then read on for a while: a reset would take the answer away unread."""
        if self._is_refused:
            return
        self._is_refused = True
        self.setTimeout(None)
        # Neither is known before the first line of a request was read.
        command, path = getattr(self, "_command", b""), getattr(self, "_path", b"/")
        content_type, body = refusal.answer(path.decode("latin-1"))
        reason = http.RESPONSES.get(refusal.status, b"").decode()
        lines = [f"HTTP/1.1 {refusal.status} {reason}", f"Content-Type: {content_type}"]
        lines += [f"{name}: {value}" for name, value in _headers().items()]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        has_body = command != b"HEAD"
        self.transport.write("\r\n".join(lines).encode() + (body if has_body else b""))
        self.transport.loseWriteConnection()
        self._expect_within(LINGER_S)

    def _expect_within(self, seconds: float) -> None:
        self._stop_clock()
        self._clock = reactor.callLater(seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None and self._clock.active():
            self._clock.cancel()
        self._clock = None

    def _watch_reader(self) -> None:
        """What waits to be read is memory: it may wait as long as some of it is taken."""
        self._stop_watching()
        if self.transport.protocol is self:  # a socket by now has pings of its own
            self._reading_clock = reactor.callLater(STALL_S, self._look_at_reader, self._taken())

    def _look_at_reader(self, before: int) -> None:
        self._reading_clock = None
        if self._taken() > before:
            self._watch_reader()
        else:
            self.transport.abortConnection()

    def _stop_watching(self) -> None:
        if self._reading_clock is not None and self._reading_clock.active():
            self._reading_clock.cancel()
        self._reading_clock = None

    def _taken(self) -> int:
        """How much of the answers went out, in bytes."""
        transport = self.transport
        waiting = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        return self._written - waiting

    def _too_slow(self) -> None:
        self._clock = None
        if self._is_refused:
            return self.transport.abortConnection()
        if self.requests or self._buffer:
            return self.refuse(TOO_SLOW)
        self.loseConnection()  # nothing was asked: a browser that connects ahead reads no answer


class Request(http_protocol.WebRequest):
    """One request. Django reads forms itself, so Twisted need not do it first."""

    _parsePOSTFormSubmission = False
    _length = 0

    def handleContentChunk(self, data: bytes) -> None:
        self._length += len(data)
        if self._length <= settings.MAX_BODY_BYTES:
            super().handleContentChunk(data)
        else:
            self.channel.refuse(TOO_LARGE)  # a chunked one, whose length nobody announced

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """Daphne's own refusals, with our page and our headers.

        An answer that failed in the middle is cut, not ended: half of one is none. A second start
        would be an error in Daphne's own rounds, which would never be made again.
        """
        if self._response_started:
            return self.channel.transport.abortConnection()
        content_type, page = (FAILED if status >= 500 else UNREADABLE).answer(
            self.path.decode("latin-1") if self.path else "/"
        )
        headers = [("Content-Type", content_type), *_headers().items()]
        encoded = [(name.encode(), value.encode()) for name, value in headers]
        self.handle_reply({"type": "http.response.start", "status": status, "headers": encoded})
        self.handle_reply({"type": "http.response.body", "body": page})


class Socket(ws_protocol.WebSocketProtocol):
    """One socket. Pages only listen, so whoever talks much is no page of ours."""

    _second, _messages = 0, 0

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        second = int(time.monotonic())
        self._messages = self._messages + 1 if second == self._second else 1
        self._second = second
        if self._messages <= MESSAGES_PER_S:
            super().onMessage(payload, isBinary)
        elif self.state == self.STATE_OPEN:
            self.sendClose(code=FLOOD)


def _headers() -> dict[str, str]:
    return PRIVACY_HEADERS | {
        "Content-Security-Policy": build_policy(),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
    }
