"""Fetching by address: what is had, what is not, and what ends in time."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import stat
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.server.fetch_servers import (
    ANOTHER,
    CHUNKED,
    LIMIT,
    PICTURE,
    PUBLIC,
    Internet,
    Scripted,
    answer,
    failure,
    fetch,
    redirect,
    run,
    share_trust,
)
from vultus.errors import StorageError, UrlFailed, UrlRefused, UrlTooLarge


@pytest.fixture(autouse=True)
def internet(monkeypatch):
    share_trust(monkeypatch)
    return Internet(monkeypatch)


# What is had


def test_a_picture_arrives_as_it_is():
    with Scripted({"/a.jpg?size=2": answer(PICTURE)}) as server:
        assert fetch(server.address("/a.jpg?size=2#top")) == PICTURE
    (asked,) = server.asked
    assert asked.headers == {
        "": "",
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "vultus",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }


def test_chunked_and_endless_headed_bodies_are_read_to_their_end():
    scripts = {
        "/chunked": lambda client: client.send(CHUNKED, b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
        "/until-closed": lambda client: client.send(b"HTTP/1.0 200 OK\r\n\r\nabcde"),
    }
    with Scripted(scripts) as server:
        for path in scripts:
            assert fetch(server.address(path)) == b"abcde"


def test_redirects_are_followed_without_cookies():
    with Scripted({}) as server, Scripted({"/c": answer(PICTURE)}) as other:
        server.scripts = {
            "/a": redirect("b?x=1", 301, Set_Cookie="session=1"),
            "/b?x=1": redirect("/b2", 307, Set_Cookie="session=1"),
            "/b2": redirect(other.address("/c"), 308),
        }
        assert fetch(server.address("/a")) == PICTURE
    assert [asked.path for asked in server.asked] == ["/a", "/b?x=1", "/b2"]
    assert other.asked[0].headers["host"] == f"127.0.0.1:{other.port}"
    assert not any("cookie" in asked.headers for asked in [*server.asked, *other.asked])


def test_many_are_fetched_at_once():
    scripts = {f"/{n}": answer(b"%d" % n) for n in range(30)}
    with Scripted(scripts) as server:

        async def all_of_them(fetcher):
            return await asyncio.gather(*(fetcher.fetch(server.address(path)) for path in scripts))

        assert run(all_of_them, allow_private=True) == [b"%d" % n for n in range(30)]
    assert server.connections == 30


def test_the_environment_has_no_say(monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password geheim")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Scripted(answer(PICTURE)) as server:
        assert fetch(server.address()) == PICTURE
    assert "authorization" not in server.asked[0].headers


# What is not had


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
def test_another_status_than_200_is_an_error_and_its_body_is_not_read(status):
    def say(client):
        client.send(b"HTTP/1.1 %d Whatever\r\nContent-Length: 9000000000\r\n\r\n" % status)
        client.forever(b"x" * 1000)

    script = answer(status=status) if status in (204, 304) else say
    with Scripted(script) as server:
        error = failure(server.address("/x.jpg"))
    assert str(error).startswith(f"{server.address('/x.jpg')} answers {status}.")


def test_a_redirect_that_names_no_place_is_an_error():
    with Scripted(answer(status=302)) as server:
        assert "answers 302" in str(failure(server.address()))


def test_a_loop_of_redirects_ends():
    with Scripted({"/a": redirect("/b"), "/b": redirect("/a")}) as server:
        error = failure(server.address("/a"), max_redirects=3)
        assert len(server.asked) == 4
        assert "/a leads on more than 3 times" in str(error)
        failure(server.address("/a"), max_redirects=0)
        assert len(server.asked) == 5


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("file:///etc/passwd", "file:/etc/passwd (where {} leads) is neither http nor https"),
        ("ftp://127.0.0.1/x", "ftp://127.0.0.1/x (where {} leads) is neither http nor https"),
        ("gopher://127.0.0.1:6379/_x", "is neither http nor https"),
        ("javascript:alert(1)", "is neither http nor https"),
        ("http://me:geheim@127.0.0.1/", "http://me:***@127.0.0.1/ (where {} leads) has a user"),
        ("https:///", "names no host"),
        ("//[", "The address (where {} leads) cannot be understood"),
        ("http://127.0.0.1:99999/", "has an impossible port"),
        ("/" + "x" * 2048, "The address (where {} leads) has more than 2048 letters"),
    ],
)
def test_a_redirect_to_what_may_not_be_used_is_refused(location, message):
    with Scripted(redirect(location)) as server:
        error = failure(server.address(), UrlRefused)
    assert message.format(server.address()) in str(error)
    assert "geheim" not in str(error)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "script",
    [
        answer(b"x", Content_Length=str(LIMIT + 1)),
        answer(b"x", Content_Length="9" * 19),
        lambda client: (client.send(CHUNKED), client.forever(b"ffff\r\n" + b"x" * 65535 + b"\r\n")),
        lambda client: (client.send(b"HTTP/1.1 200 OK\r\n\r\n"), client.forever(b"x" * 1000)),
    ],
    ids=["announced", "announced hugely", "endless chunks", "without end"],
)
def test_what_is_too_large_is_cut_off(script):
    started = time.monotonic()
    with Scripted(script) as server:
        error = failure(server.address(), UrlTooLarge)
    assert str(error) == f"{server.address()} holds more than the {LIMIT} bytes that are allowed."
    assert time.monotonic() - started < 3


def test_the_limit_itself_is_allowed_and_a_call_may_have_its_own():
    content = b"x" * LIMIT
    scripts = {
        "/": answer(content),
        "/unannounced": lambda client: client.send(b"HTTP/1.1 200 OK\r\n\r\n", content),
    }
    with Scripted(scripts) as server:
        for address in map(server.address, scripts):
            assert fetch(address) == content
            with pytest.raises(UrlTooLarge):
                run(lambda own, to=address: own.fetch(to, max_bytes=LIMIT - 1), allow_private=True)


@pytest.mark.parametrize("status", [200, 302, 404])
def test_a_connection_that_is_of_no_use_is_closed_at_once(status):
    """By us and not by the garbage collector."""
    closed = threading.Event()

    def wait(client):
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: 9999999\r\nLocation: ftp://x\r\n\r\n"
        client.send(head.encode())
        if client.connection.recv(1) == b"":
            closed.set()

    async def work(fetcher):
        with pytest.raises((UrlFailed, UrlRefused)):
            await fetcher.fetch(server.address())
        assert await asyncio.to_thread(closed.wait, 2)

    gc.disable()
    try:
        with Scripted(wait) as server:
            run(work, allow_private=True)
    finally:
        gc.enable()


@pytest.mark.parametrize("name", ["gzip", "GZIP", "br", "identity, deflate"])
def test_compressed_content_is_never_unpacked(name):
    bomb = gzip.compress(bytes(50_000_000))
    with Scripted(answer(bomb, Content_Encoding=name)) as server:
        assert "compressed" in str(failure(server.address()))


def test_a_compressed_file_is_a_file():
    bomb = gzip.compress(bytes(50_000_000))
    with Scripted(answer(bomb, Content_Encoding="identity")) as server:
        assert fetch(server.address()) == bomb


BREAKING = {
    "reset": (lambda client: (client.send(CHUNKED, b"3\r\nabc\r\n"), client.reset()), "breaks off"),
    "short": (answer(b"abc", Content_Length="10"), "breaks off before its end"),
    "chunk": (lambda client: client.send(CHUNKED, b"zz\r\n"), "breaks off before its end"),
    "nothing": (lambda client: None, "does not answer as HTTP"),
    "not http": (lambda client: client.send(b"220 mail ESMTP\r\n" * 9), "does not answer as HTTP"),
    "headers": (
        lambda client: (client.send(b"HTTP/1.1 200 OK\r\n"), client.forever(b"X: y\r\n" * 1000)),
        "does not answer as HTTP",
    ),
}


@pytest.mark.parametrize("how", BREAKING)
def test_what_breaks_is_told(how):
    script, message = BREAKING[how]
    with Scripted(script) as server:
        assert message in str(failure(server.address()))


def test_a_port_where_nobody_listens_is_told():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}/")
    assert str(error) == f"http://127.0.0.1:{port}/ cannot be reached: Connection refused."


@pytest.mark.parametrize("host", ["nowhere.test", "a..b", "x" * 70, "%31%32%37.0.0.1"])
def test_a_host_that_is_not_there_is_told(host):
    error = failure(f"http://{host}/", allow_private=False)
    assert str(error) == f"The host of http://{host}/ cannot be found. Check its name."


# Time


SLOW = {
    "dripping body": lambda client: (client.send(CHUNKED), client.forever(b"1\r\nx\r\n", 0.05)),
    "dripping headers": lambda client: (
        client.send(b"HTTP/1.1 200 OK\r\n"),
        client.forever(b"X: y\r\n", 0.05),
    ),
    "early hints": lambda client: client.forever(b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.01),
    "silence": lambda client: client.silence(),
    "slow loop": lambda client: (time.sleep(0.1), redirect("/")(client)),
}


@pytest.mark.parametrize("how", SLOW)
def test_time_is_limited_in_all(how):
    with Scripted(SLOW[how]) as server:
        started = time.monotonic()
        error = failure(server.address(), timeout_s=0.3, max_redirects=1000)
        assert 0.25 < time.monotonic() - started < 1.5
    assert str(error) == f"{server.address()} was not there within 0.3 seconds."


@pytest.fixture
def full_port():
    """Nobody gets in: Linux drops who wants to join a queue that is full."""
    if sys.platform != "linux":
        pytest.skip("other systems answer though the queue is full")
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_server_that_lets_nobody_in_is_left(full_port):
    started = time.monotonic()
    failure(f"http://127.0.0.1:{full_port}/", timeout_s=0.3)
    assert time.monotonic() - started < 1.5


def test_an_address_that_lets_nobody_in_leaves_time_for_the_next(full_port, internet):
    with Scripted(answer(PICTURE)) as server:
        internet.names["public.test"] = [ANOTHER, PUBLIC]
        internet.routes = {ANOTHER: full_port, PUBLIC: server.port}
        assert fetch("http://public.test/", timeout_s=0.8) == PICTURE


def test_a_slow_look_up_holds_nobody_up(internet):
    internet.slow_s = 0.8

    async def work(fetcher):
        started = time.monotonic()
        asking = asyncio.create_task(fetcher.fetch("http://nowhere.test/"))
        ticks = 0
        while not asking.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(UrlFailed, match=r"within 0\.2 seconds"):
            await asking
        assert time.monotonic() - started < 0.7
        assert ticks > 5

    run(work, timeout_s=0.2)


# Into a file


def fetch_to(url, path, limit=10_000_000, **options):
    options = {"allow_private": True, "timeout_s": 5.0, **options}
    return run(lambda fetcher: fetcher.fetch_to(url, path, max_bytes=limit), **options)


def test_a_video_goes_into_a_file_for_the_owner_alone(tmp_path):
    path = tmp_path / "clip.mp4"
    video = PICTURE * 100  # more than the limit of pictures
    with Scripted(answer(video)) as server:
        assert fetch_to(server.address(), path) == len(video)
    assert path.read_bytes() == video
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("there", [False, True])
def test_after_a_failure_no_file_is_left(there, tmp_path):
    path = tmp_path / "clip.mp4"
    scripts = {
        "/large": answer(PICTURE * 100),
        "/slow": SLOW["dripping body"],
        "/reset": BREAKING["reset"][0],
        "/missing": answer(status=404),
        "/inside": redirect("file:///etc/passwd"),
    }
    with Scripted(scripts) as server:
        for wanted in scripts:
            if there:
                path.write_bytes(b"before")
            with pytest.raises((UrlFailed, UrlRefused)):
                fetch_to(server.address(wanted), path, limit=len(PICTURE), timeout_s=0.5)
            assert list(tmp_path.iterdir()) == []


def test_who_is_cancelled_leaves_no_file(tmp_path):
    async def work(fetcher):
        going = asyncio.create_task(
            fetcher.fetch_to(server.address(), tmp_path / "clip.mp4", max_bytes=LIMIT)
        )
        while not server.asked:
            await asyncio.sleep(0.01)
        assert list(tmp_path.iterdir())
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        assert list(tmp_path.iterdir()) == []

    with Scripted(SLOW["dripping body"]) as server:
        run(work, allow_private=True)


def test_a_disk_that_takes_nothing_is_told_without_its_path(tmp_path, monkeypatch):
    with Scripted(answer(PICTURE)) as server:
        with pytest.raises(StorageError) as caught:
            fetch_to(server.address(), tmp_path / "missing" / "clip.mp4")
        assert "No such file or directory" in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
        assert server.connections == 0

        opened = Path.open
        monkeypatch.setattr(Path, "open", lambda path, mode: _FullDisk(opened(path, mode)))
        with pytest.raises(StorageError, match="No space left on device"):
            fetch_to(server.address(), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


class _FullDisk:
    def __init__(self, file) -> None:
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, part: bytes) -> int:
        raise OSError(28, "No space left on device", "/srv/secret")


# What messages may say


def test_no_message_shows_what_is_secret_in_an_address():
    scripts = {
        "/404": answer(status=404),
        "/large": answer(b"x", Content_Length="999999999"),
        "/slow": SLOW["silence"],
        "/short": answer(b"abc", Content_Length="10"),
        "/packed": answer(b"", Content_Encoding="gzip"),
        "/on": redirect("ftp://127.0.0.1/?sig=geheim2"),
        "/loop": redirect("/loop?sig=geheim"),
    }
    scripts = {f"{path}?sig=geheim": script for path, script in scripts.items()}
    with Scripted(scripts) as server:
        for path in scripts:
            with pytest.raises((UrlFailed, UrlRefused)) as caught:
                fetch(server.address(path), timeout_s=0.3)
            assert path.replace("geheim", "***") in str(caught.value)
            assert "geheim" not in str(caught.value)
            assert caught.value.__cause__ is None
