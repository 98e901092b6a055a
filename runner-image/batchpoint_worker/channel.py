"""One non-blocking connection that carries the frames of `wire`, for the host's event loop."""

from __future__ import annotations

import collections
import json
import selectors
import socket
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from batchpoint_worker import wire

READ_BYTES = 1024 * 1024
"""Read per turn of the loop, so that one talkative peer cannot keep the others waiting."""

Message = Tuple[Dict[str, Any], bytes]


class Decoder:
    """Cuts a stream of bytes into frames.

    Args:
        max_body_bytes: A longer body is an error; what untrusted code may make us buffer.
    """

    def __init__(self, max_body_bytes: int = wire.MAX_BODY_BYTES) -> None:
        self._buffer = bytearray()
        self._max_body_bytes = max_body_bytes

    def feed(self, data: bytes) -> List[wire.Frame]:
        """Take more bytes; return the frames that are complete now.

        Raises:
            WireError: What arrived is no frame.
        """
        self._buffer += data
        frames: List[wire.Frame] = []
        while True:
            frame = self._next()
            if frame is None:
                return frames
            frames.append(frame)

    def _next(self) -> Optional[wire.Frame]:
        lengths = wire.parse_lengths(self._buffer, self._max_body_bytes)
        if lengths is None:
            return None
        start, body_start, end = lengths
        if len(self._buffer) < end:
            return None
        head = wire.parse_head(bytes(self._buffer[start:body_start]))
        body = bytes(memoryview(self._buffer)[body_start:end])
        del self._buffer[:end]
        return wire.Frame(head, body)


class Channel:
    """Frames over a non-blocking socket that is registered with a selector.

    Args:
        connection: Made non-blocking; closed by :meth:`close`.
        selector: Its keys' data are callables that take the event mask.
        on_frame: Called for each frame.
        on_lost: Called once, with a sentence and whether the peer sent nonsense rather than left.
            Not after `close`.
        max_body_bytes: See :class:`Decoder`.
    """

    def __init__(
        self,
        connection: socket.socket,
        selector: selectors.BaseSelector,
        on_frame: Callable[[wire.Frame], None],
        on_lost: Callable[[str, bool], None],
        max_body_bytes: int = wire.MAX_BODY_BYTES,
    ) -> None:
        self._socket = connection
        self._selector = selector
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._decoder = Decoder(max_body_bytes)
        self._outgoing: Deque[Tuple[Message, List[memoryview]]] = collections.deque()
        self.is_open = True
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, self._ready)

    def send(self, head: Dict[str, Any], body: bytes = b"") -> None:
        """Send a frame now, or as soon as the peer has room for it; frames keep their order."""
        if not self.is_open:
            return
        raw = json.dumps(head, separators=(",", ":")).encode()
        start = wire.lengths(len(raw), len(body)) + raw
        if len(body) <= wire.JOIN_BYTES:
            pieces = [memoryview(start + body)]
        else:
            pieces = [memoryview(start), memoryview(body)]
        self._outgoing.append(((head, body), pieces))
        if len(self._outgoing) == 1:
            self._write()

    def unsent(self) -> List[Message]:
        """Return the frames that did not leave as a whole, oldest first."""
        return [message for message, _ in self._outgoing]

    def close(self) -> None:
        """Close the socket; frames that wait are dropped, see :meth:`unsent`."""
        if self.is_open:
            self.is_open = False
            self._selector.unregister(self._socket)
            self._socket.close()

    def read(self) -> None:
        """Read what is there and hand on the frames; does nothing on a closed channel."""
        if not self.is_open:
            return
        try:
            data = self._socket.recv(READ_BYTES)
            if not data:
                self._lose("the other side closed the connection", False)
                return
            frames = self._decoder.feed(data)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._lose("the connection broke: %s" % exc, False)
            return
        except wire.WireError as exc:
            self._lose(str(exc), True)
            return
        for frame in frames:
            if self.is_open:
                self._on_frame(frame)

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE and self.is_open:
            self._write()
        if mask & selectors.EVENT_READ:
            self.read()

    def _write(self) -> None:
        try:
            while self._outgoing:
                pieces = self._outgoing[0][1]
                while pieces:
                    sent = self._socket.send(pieces[0])
                    pieces[0] = pieces[0][sent:]
                    if not pieces[0]:
                        pieces.pop(0)
                self._outgoing.popleft()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as exc:
            self._lose("the connection broke: %s" % exc, False)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        self._selector.modify(self._socket, events, self._ready)

    def _lose(self, why: str, is_nonsense: bool) -> None:
        self.close()
        self._on_lost(why, is_nonsense)
