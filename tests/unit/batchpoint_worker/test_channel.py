"""Frames over a socket that does not block."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint_worker import channel, wire


class Ends:
    """A channel and the plain socket at its other end, with what the channel tells."""

    def __init__(self, max_body_bytes: int) -> None:
        mine, self.other = socket.socketpair()
        self.selector = selectors.DefaultSelector()
        self.frames: list[wire.Frame] = []
        self.lost: list[tuple[str, bool]] = []
        self.channel = channel.Channel(
            mine,
            self.selector,
            self.frames.append,
            lambda why, nonsense: self.lost.append((why, nonsense)),
            max_body_bytes,
        )

    def turn(self) -> None:
        """One turn of the loop."""
        for key, mask in self.selector.select(0):
            key.data(mask)


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A channel that takes bodies of 1 MiB."""
    one = Ends(1 << 20)
    yield one
    one.channel.close()
    one.other.close()
    one.selector.close()


@given(
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=5),
    st.integers(1, 40),
)
def test_frames_survive_any_cutting(messages: list[tuple[str, bytes]], step: int) -> None:
    """However the bytes arrive, the frames are the same."""
    data = b"".join(wire.encode({"type": name}, body) for name, body in messages)
    decoder = channel.Decoder()
    found = [frame for i in range(0, len(data), step) for frame in decoder.feed(data[i : i + step])]
    assert [({"type": name}, body) for name, body in messages] == found


def test_frames_come_in_and_go_out(ends: Ends) -> None:
    """In both directions."""
    wire.send(ends.other, {"type": "in"}, b"1")
    ends.turn()
    ends.channel.send({"type": "out"}, b"2")
    assert [({"type": "in"}, b"1")] == ends.frames
    assert ({"type": "out"}, b"2") == wire.receive(ends.other)


def test_large_frame_leaves_piece_by_piece(ends: Ends) -> None:
    """Sending never blocks; the rest follows when there is room."""
    body = bytes(range(256)) * 40_000
    ends.channel.send({"type": "large"}, body)
    ends.channel.send({"type": "next"})
    assert ["large", "next"] == [head["type"] for head, _ in ends.channel.unsent()]
    ends.other.setblocking(False)
    decoder, found = channel.Decoder(), []
    for _ in range(10_000):
        ends.turn()
        try:
            found += decoder.feed(ends.other.recv(1 << 16))
        except BlockingIOError:
            if len(found) == 2:
                break
    assert [({"type": "large"}, body), ({"type": "next"}, b"")] == found
    assert [] == ends.channel.unsent()


def test_peer_that_leaves_is_told_once(ends: Ends) -> None:
    """As a loss that is no nonsense; the channel is closed then."""
    ends.other.close()
    ends.turn()
    ends.channel.read()
    assert [("the other side closed the connection", False)] == ends.lost
    assert not ends.channel.is_open


def test_nonsense_closes_the_channel(ends: Ends) -> None:
    """And is told apart from a loss."""
    ends.other.sendall(b"\xff" * 100)
    ends.turn()
    assert [True] == [nonsense for _, nonsense in ends.lost]


def test_body_above_the_limit_is_nonsense(ends: Ends) -> None:
    """Untrusted code cannot fill our memory."""
    ends.other.sendall(wire.lengths(10, (1 << 20) + 1))
    ends.turn()
    assert [True] == [nonsense for _, nonsense in ends.lost]


def test_closed_channel_takes_no_more(ends: Ends) -> None:
    """Closing is silent, sending afterwards without effect."""
    ends.channel.close()
    ends.channel.send({"type": "late"})
    assert ([], []) == (ends.lost, ends.channel.unsent())
