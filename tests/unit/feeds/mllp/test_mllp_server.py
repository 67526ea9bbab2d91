"""The shell on a loopback socket: answers, limits, back-pressure, and its orderly end."""

from __future__ import annotations

import asyncio
import socket

import pytest

from cordwatch.feeds.hl7.mllp import frame
from cordwatch.feeds.settings import FeedsSettings
from cordwatch.runtime.peers import CannotListen, watch_for_death
from tests.unit.feeds.mllp.desk import Desk, a_desk, a_message


async def test_a_message_is_answered_and_counted() -> None:
    """The plain case."""
    async with a_desk() as desk:
        sender = await desk.sender()
        await sender.send(a_message("G1"))
        assert await sender.answer() == ("AA", "G1")
        assert desk.value("messages_total", outcome="mapped") == 1
        assert desk.value("acks_total", code="AA") == 1
        assert desk.value("commit_seconds_count") == 1
        assert desk.value("received_bytes_total") == len(frame(a_message("G1")))
        assert desk.value("last_message_timestamp_seconds") > 0
        assert desk.value("waiting_messages") == 0


@pytest.mark.parametrize("size", [1, 1 << 20])
async def test_pipelined_frames_are_answered_in_order(size: int) -> None:
    """In one write, or byte by byte."""
    async with a_desk() as desk:
        sender = await desk.sender()
        data = b"".join(frame(a_message(number)) for number in range(200))
        for at in range(0, len(data), size):
            sender.writer.write(data[at : at + size])
        await sender.writer.drain()
        answers = [await sender.answer() for _ in range(200)]
        assert answers == [("AA", str(number)) for number in range(200)]


async def test_what_cannot_be_read_is_refused_and_the_next_one_goes_through() -> None:
    """A bad message stops nobody, and an oversized one does not end the connection."""
    async with a_desk(max_frame_bytes=2_000) as desk:
        sender = await desk.sender()
        await sender.send(b"hello", a_message("big", pad=3_000), a_message("G1"))
        assert [await sender.answer() for _ in range(3)] == [
            ("AR", ""),
            ("AR", "big"),
            ("AA", "G1"),
        ]
        assert desk.value("bad_frames_total", kind="oversized") == 1
        assert desk.value("messages_total", outcome="quarantined") == 2


async def test_enhanced_mode_gets_both_answers() -> None:
    """Stored, then understood; a message that wants none gets none and hinders none."""
    async with a_desk() as desk:
        sender = await desk.sender()
        await sender.send(a_message("1", asks="|||AL|AL"), a_message("2", asks="|||NE|NE"))
        await sender.send(a_message("3"))
        assert [await sender.answer() for _ in range(3)] == [("CA", "1"), ("AA", "1"), ("AA", "3")]


async def test_mllp_v2_commits_with_a_byte() -> None:
    """ACK where it is stored, NAK where it is not; HL7 answers only where they are asked for."""
    async with a_desk(mllp=2, max_frame_bytes=2_000) as desk:
        desk.commit.refuses = lambda job: b"refused" in job.piece.data
        sender = await desk.sender()
        messages = (a_message("1"), a_message("2", pad=3_000), a_message("refused"))
        await sender.send(*messages, a_message("4", asks="|||NE|AL"))
        contents = [await sender.content() for _ in range(4)]
        assert contents == [b"\x06", b"\x15", b"\x15", b"\x06"]
        assert await sender.answer() == ("AA", "4")
        assert desk.value("acks_total", code="nak") == 2


async def test_what_the_broker_will_not_take_is_never_accepted() -> None:
    """AR with an internal error: the sender must know that it is not kept."""
    async with a_desk() as desk:
        desk.commit.refuses = lambda _: True
        sender = await desk.sender()
        await sender.send(a_message("G1"))
        content = await sender.content()
        assert b"MSA|AR|G1" in content
        assert b"|207^Application internal error^HL70357|" in content
        assert desk.value("messages_total", outcome="refused") == 1


async def test_no_broker_no_answer_and_in_the_end_no_reading() -> None:
    """Back-pressure: a bounded buffer, then the sender's writes stand still; all is answered later."""
    async with a_desk(buffer_bytes=100_000) as desk:
        desk.commit.is_away = True
        sender, other = await desk.sender(), await desk.sender()
        count, pad = 300, 100_000
        writing = asyncio.create_task(sender.send(*(a_message(n, pad=pad) for n in range(count))))
        await desk.until(lambda: desk.value("paused_connections") == 2)
        await other.send(a_message("other"))
        assert not writing.done()
        assert desk.value("waiting_bytes") < 1_000_000
        assert desk.value("messages_total", outcome="mapped") == 0
        assert desk.value("acks_total", code="AA") == 0
        desk.commit.come_back()
        assert [await sender.answer() for _ in range(count)] == [
            ("AA", str(number)) for number in range(count)
        ]
        assert await other.answer() == ("AA", "other")
        await writing
        assert desk.value("paused_connections") == 0


async def test_one_sender_cannot_fill_the_buffer_with_small_messages() -> None:
    """A connection is not read beyond its own share of unanswered messages."""
    async with a_desk(in_flight_max=10) as desk:
        desk.commit.is_away = True
        sender, other = await desk.sender(), await desk.sender()
        await sender.send(*(a_message(number) for number in range(10)))
        await desk.until(lambda: desk.value("paused_connections") == 1)
        await sender.send(a_message("late"))
        await other.send(a_message("other"))
        await desk.until(lambda: len(desk.commit.jobs) == 11)
        assert b"|other|" in desk.commit.jobs[-1].piece.data
        desk.commit.come_back()
        assert [(await sender.answer())[1] for _ in range(11)] == [*map(str, range(10)), "late"]


async def test_a_peer_who_does_not_read_is_let_go() -> None:
    """Its answers would pile up in our memory; it will send again."""
    async with a_desk(answer_s=0.1) as desk:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(desk.server.address)
        deaf.settimeout(0)
        # Long ids make long answers, which the kernel's buffers hold sooner.
        data = b"".join(frame(a_message("9" * 990)) for _ in range(300))
        loop = asyncio.get_running_loop()
        try:
            while not desk.value("closed_connections_total", cause="unread"):
                async with asyncio.timeout(1):
                    await loop.sock_sendall(deaf, data)
        except (ConnectionError, TimeoutError):
            pass
        await desk.until_closed("unread")
        assert desk.value("open_connections") == 0
        deaf.close()


async def test_silence_ends_a_connection_but_not_while_we_owe_an_answer() -> None:
    """An idle time-out frees the place; a broker that is away is not the peer's silence."""
    async with a_desk(idle_s=0.1) as desk:
        desk.commit.is_away = True
        quiet, waiting = await desk.sender(), await desk.sender()
        await waiting.send(a_message("G1"))
        assert await quiet.hears_nothing_more()
        await desk.until_closed("idle")
        assert desk.value("open_connections") == 1
        desk.commit.come_back()
        assert await waiting.answer() == ("AA", "G1")
        assert await waiting.hears_nothing_more()


async def test_half_a_frame_is_kept_when_its_sender_hangs_up() -> None:
    """And not answered: it comes again as a whole."""
    async with a_desk() as desk:
        sender = await desk.sender()
        await sender.send_bytes(b"\x0b" + a_message("G1")[:40])
        sender.close()
        await desk.until(lambda: desk.value("messages_total", outcome="quarantined") == 1)
        assert desk.commit.kept == [a_message("G1")[:40]]


async def test_a_sender_who_only_stops_sending_gets_its_answers() -> None:
    """Half-closed, as `nc` does."""
    async with a_desk() as desk:
        desk.commit.is_away = True
        sender = await desk.sender()
        await sender.send(a_message("G1"))
        sender.writer.write_eof()
        await desk.until(lambda: bool(desk.commit.jobs))
        desk.commit.come_back()
        assert await sender.answer() == ("AA", "G1")
        assert await sender.hears_nothing_more()


async def test_a_sender_who_is_gone_holds_no_place_for_long() -> None:
    """While the broker is away senders give up and come again, each time on a new connection."""
    async with a_desk(linger_s=0.05) as desk:
        desk.commit.is_away = True
        sender = await desk.sender()
        await sender.send(a_message("G1"))
        await desk.until(lambda: bool(desk.commit.jobs))
        sender.close()
        await desk.until_closed("peer")
        desk.commit.come_back()
        assert desk.commit.kept == [a_message("G1")]
        assert desk.value("acks_total", code="AA") == 0


async def test_more_connections_than_allowed_are_turned_away() -> None:
    """The others go on, and a place that is free again can be taken."""
    async with a_desk(max_connections=2) as desk:
        first, second = await desk.sender(), await desk.sender()
        await desk.until(lambda: desk.server.connections == 2)
        assert await (await desk.sender()).hears_nothing_more()
        assert desk.value("refused_peers_total", reason="limit") == 1
        first.close()
        await desk.until(lambda: desk.server.connections == 1)
        third = await desk.sender()
        for one in (second, third):
            await one.send(a_message("G1"))
            assert await one.answer() == ("AA", "G1")


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [("127.0.0.0/8", True), ("10.0.0.1,127.0.0.1", True), ("10.0.0.0/8", False)],
)
async def test_only_listed_peers_are_let_in(allow: str, *, allowed: bool) -> None:
    """By address or network; another one is turned away before it can say a word."""
    async with a_desk(allow=allow) as desk:
        sender = await desk.sender()
        if allowed:
            await sender.send(a_message("G1"))
            assert await sender.answer() == ("AA", "G1")
        else:
            assert await sender.hears_nothing_more()
        assert desk.value("refused_peers_total", reason="address") == (not allowed)


async def test_a_drain_answers_what_was_read_and_lets_nobody_in() -> None:
    """SIGTERM is no crash: the broker is waited for, half a frame is not."""
    async with a_desk() as desk:
        desk.commit.is_away = True
        sender, quiet = await desk.sender(), await desk.sender()
        await sender.send(a_message("G1"), a_message("G2"))
        await sender.send_bytes(b"\x0bMSH|half")
        await desk.until(lambda: len(desk.commit.jobs) == 2 and desk.server.connections == 2)
        address = desk.server.address
        draining = asyncio.create_task(desk.server.drain(5))
        assert await quiet.hears_nothing_more()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        assert not draining.done()
        desk.commit.come_back()
        assert [await sender.answer() for _ in range(2)] == [("AA", "G1"), ("AA", "G2")]
        assert await sender.hears_nothing_more()
        assert await draining == 0
        assert len(desk.commit.kept) == 2


async def test_a_drain_does_not_wait_for_ever_and_says_what_is_open() -> None:
    """The broker stays away: no answer, never a false one."""
    async with a_desk() as desk:
        desk.commit.is_away = True
        sender = await desk.sender()
        await sender.send(a_message("G1"), a_message("G2"))
        await desk.until(lambda: len(desk.commit.jobs) == 2)
        assert await desk.server.drain(0.05) == 2
        assert await sender.hears_nothing_more()
        assert desk.value("acks_total", code="AA") == 0


async def test_an_address_that_is_taken_is_said() -> None:
    """In a line, not in a traceback."""
    async with a_desk() as desk:
        taken = Desk(FeedsSettings(port=desk.server.address[1]))
        with pytest.raises(CannotListen, match="cannot listen on"):
            await taken.server.start()


def test_the_kernel_watches_for_peers_that_vanished() -> None:
    """A cable that was pulled says nothing: keepalive finds out."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as one:
            watch_for_death(one, 60)
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 120_000
