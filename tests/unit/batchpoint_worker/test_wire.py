"""Frames: what is written is read again, and what is no frame is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from batchpoint_worker import wire

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two connected sockets."""
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def test_frame_arrives_as_it_was_sent(pair: Pair) -> None:
    """Head and body, the body untouched."""
    wire.send(pair[0], {"type": "task", "name": "ä"}, b"\x00rows\n")
    assert ({"type": "task", "name": "ä"}, b"\x00rows\n") == wire.receive(pair[1])


def test_encode_gives_the_bytes_that_send_writes(pair: Pair) -> None:
    """Both forms are one format."""
    wire.send(pair[0], {"type": "x"}, b"body")
    assert wire.encode({"type": "x"}, b"body") == pair[1].recv(1000)


def test_end_between_frames_is_none(pair: Pair) -> None:
    """The other side may leave."""
    pair[0].close()
    assert None is wire.receive(pair[1])


@pytest.mark.parametrize("length", [1, 11, 12, 20])
def test_end_inside_a_frame_is_an_error(pair: Pair, length: int) -> None:
    """But not in the middle."""
    pair[0].sendall(wire.encode({"type": "task"}, b"body")[:length])
    pair[0].close()
    with pytest.raises(wire.WireError, match="in the middle"):
        wire.receive(pair[1])


@pytest.mark.parametrize(
    "raw", [b"nonsense", b"[]", b"{}", b'{"type":1}', b"\xff\xff", b"[" * 100_000]
)
def test_head_that_is_no_message_is_refused(raw: bytes) -> None:
    """It must be a JSON object with a type."""
    with pytest.raises(wire.WireError, match="the head of a frame is not"):
        wire.parse_head(raw)


def test_lengths_above_the_limit_are_refused() -> None:
    """Nobody can make the other side buffer without bound."""
    with pytest.raises(wire.WireError, match="above the limit"):
        wire.parse_lengths(bytearray(wire.lengths(wire.MAX_HEAD_BYTES + 1, 0)))
    with pytest.raises(wire.WireError, match="above the limit"):
        wire.parse_lengths(bytearray(wire.lengths(1, 11)), max_body_bytes=10)


def test_lengths_that_have_not_arrived_are_none() -> None:
    """The caller reads on."""
    assert None is wire.parse_lengths(bytearray(b"\x00" * 11))


def test_lost_connection_is_an_error_when_sending(pair: Pair) -> None:
    """In words."""
    pair[1].close()
    with pytest.raises(wire.WireError, match="the connection broke"):
        wire.send(pair[0], {"type": "x"}, bytes(1 << 20))
