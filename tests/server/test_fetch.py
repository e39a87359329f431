"""Fetching by address: what is had, what is refused, and what ends in time."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import shutil
import socket
import stat
import subprocess
import sys
import time
from contextlib import aclosing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.fetch_servers import (
    ANOTHER,
    PUBLIC,
    PUBLIC_V6,
    Internet,
    Scripted,
    answer,
    redirect,
)
from vultus.errors import StorageError, UrlFailed, UrlRefused, UrlTooLarge
from vultus.server.fetch import Fetcher, is_public

LIMIT = 100_000
PICTURE = bytes(range(256)) * 100
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def internet(monkeypatch):
    return Internet(monkeypatch)


def run(work, **options):
    """Give a Fetcher to the coroutine function."""

    async def whole():
        async with aclosing(Fetcher(max_bytes=LIMIT, **options)) as fetcher:
            return await work(fetcher)

    return asyncio.run(whole())


def fetch(url, **options):
    options = {"allow_private": True, "timeout_s": 5.0, **options}
    return run(lambda fetcher: fetcher.fetch(url), **options)


def fetch_publicly(url, **options):
    return fetch(url, allow_private=False, **options)


def failure(url, kind=UrlFailed, **options):
    """The error that fetching ends with."""
    with pytest.raises(kind) as caught:
        fetch(url, **options)
    assert type(caught.value) is kind
    return caught.value


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
        ("file:///etc/passwd", "file:///etc/passwd (where {} leads) is neither http nor https"),
        ("ftp://127.0.0.1/x", "ftp://127.0.0.1/x (where {} leads) is neither http nor https"),
        ("gopher://127.0.0.1:6379/_x", "is neither http nor https"),
        ("javascript:alert(1)", "is neither http nor https"),
        ("http://me:geheim@127.0.0.1/", "http://me:***@127.0.0.1/ (where {} leads) has a user"),
        ("http:///", "names no host"),
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
    with Scripted(answer(b"x" * LIMIT)) as server:
        assert len(fetch(server.address())) == LIMIT
        with pytest.raises(UrlTooLarge):
            run(lambda own: own.fetch(server.address(), max_bytes=LIMIT - 1), allow_private=True)


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


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_lets_nobody_in_is_left(scheme):
    """Linux drops who wants to join a queue that is full; TLS waits for a greeting."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        if scheme == "http":
            for waiting in (first, second):
                waiting.setblocking(False)
                with suppress(BlockingIOError):
                    waiting.connect(listener.getsockname())
        started = time.monotonic()
        failure(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/", timeout_s=0.3)
        assert time.monotonic() - started < 1.5


def test_a_slow_look_up_holds_nobody_up(internet):
    internet.slow_s = 0.5

    async def work(fetcher):
        started = time.monotonic()
        asking = asyncio.create_task(fetcher.fetch("http://nowhere.test/"))
        ticks = 0
        while not asking.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(UrlFailed, match=r"within 0\.2 seconds"):
            await asking
        assert time.monotonic() - started < 0.45
        assert ticks > 5

    run(work, timeout_s=0.2)


# Addresses


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "is neither http nor https"),
        ("picture.jpg", "is neither http nor https"),
        ("file:///etc/passwd", "is neither http nor https"),
        ("ftp://example.org/x", "is neither http nor https"),
        ("data:image/png;base64,AAAA", "is neither http nor https"),
        ("//example.org/", "is neither http nor https"),
        ("http:///x", "names no host"),
        ("http:x", "names no host"),
        ("http://me:geheim@example.org/", "http://me:***@example.org/ has a user or password"),
        ("http://geheim@example.org/", "has a user or password in it"),
        ("http://example.org\\@127.0.0.1/", "has a user or password in it"),
        ("http://example.org:0/", "has an impossible port"),
        ("http://example.org:-1/", "has an impossible port"),
        ("http://example.org:65536/", "has an impossible port"),
        ("http://example.org:x/", "The address cannot be understood"),
        ("http://example.org/\r\nX: y", "The address cannot be understood"),
        ("http://0177.0.0.1/", "The address cannot be understood"),
        ("http://①②⑦.⓪.⓪.①/", "The address cannot be understood"),
        ("http://[::1/", "The address cannot be understood"),
        ("http://example.org/" + "x" * 2048, "The address has more than 2048 letters"),
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_an_address_that_may_not_be_used_is_refused(url, message, allow_private, internet):
    error = failure(url, UrlRefused, allow_private=allow_private)
    assert message in str(error)
    assert "geheim" not in str(error)
    assert internet.looked_up == internet.connected == []


FORBIDDEN = """
    127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 0x7f000001 0x7f.1 017700000001 0x7F.0x0.1
    localhost 0 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1
    169.254.169.254 0xa9fea9fe 2852039166 100.64.0.1 100.127.255.255 100.100.100.200 168.63.129.16
    192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    [::] [::1] [0:0:0:0:0:0:0:1] [fe80::1] [fec0::1] [fc00::1] [fd00:ec2::254] [ff02::1] [100::1]
    [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:10.0.0.1] [::ffff:169.254.169.254] [::127.0.0.1]
    [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::10.0.0.1]
    [2002:7f00:1::] [2002:a9fe:a9fe::1] [2001:0:7f00:1::] [2001:0:5db8:d822:0:0:f5ff:fffe]
    [2001:db8::1] [3fff::1] [5f00::1] [4000::1]
""".split()


@pytest.mark.parametrize("host", FORBIDDEN)
def test_however_it_is_spelled_what_is_not_public_is_never_connected_to(host, internet):
    with Scripted(answer(PICTURE)) as server:
        error = failure(server.address(host=host), UrlRefused, allow_private=False)
    assert "is not on the public internet." in str(error)
    assert "--allow-private-urls" in error.hint
    assert "VULTUS_ALLOW_PRIVATE_URLS=1" in error.hint
    assert internet.connected == []
    assert server.connections == 0


@pytest.mark.parametrize("host", ["127.1", "2130706433", "localhost", "localhost.", "0x7f.1"])
def test_they_are_used_where_that_is_wished(host, internet):
    internet.names["localhost."] = ["127.0.0.1"]
    with Scripted(answer(PICTURE)) as server:
        assert fetch(server.address(host=host)) == PICTURE
    assert server.asked[0].headers["host"] == f"{host}:{server.port}"


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", PUBLIC, "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.0", "192.0.1.0"]
    + ["168.63.129.15", "223.255.255.255", "198.17.0.1", "198.20.0.0", PUBLIC_V6]
    + ["2001:4860:4860::8888", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2a00::1", "3ffe::1"],
)
def test_public_addresses_are_public(address):
    assert is_public(address)


def test_a_zone_changes_nothing():
    assert not is_public("fe80::1%eth0")


@given(st.ip_addresses())
@settings(max_examples=500)
def test_what_python_holds_for_special_is_not_public(address):
    inner = getattr(address, "ipv4_mapped", None)
    if is_public(str(address)) and inner is None:
        assert address.is_global
        assert not address.is_multicast
    if getattr(address, "sixtofour", None) or getattr(address, "teredo", None):
        assert not is_public(str(address))


@given(st.ip_addresses(v=4))
def test_within_ipv6_an_ipv4_address_stays_what_it_is(address):
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        within = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address))
        assert is_public(str(within)) == is_public(str(address))


@given(st.one_of(st.text(max_size=60), st.text(max_size=60).map(lambda text: f"http://{text}")))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_given_the_error_is_ours(internet, text):
    with pytest.raises((UrlRefused, UrlFailed)):
        asyncio.run(_NOWHERE.fetch(text))
    assert internet.connected == []


_NOWHERE = Fetcher(max_bytes=1)


# The connection goes to what was judged


@pytest.fixture
def public(internet):
    """A server that is known as public.test at a public address."""
    with Scripted({"/a.jpg": answer(PICTURE)}) as server:
        internet.names["public.test"] = [PUBLIC]
        internet.routes[PUBLIC] = server.port
        yield server


def test_a_public_host_is_reached_by_the_address_that_was_judged(public, internet):
    assert fetch_publicly("http://public.test/a.jpg") == PICTURE
    assert fetch_publicly("http://public.test:8080/a.jpg") == PICTURE
    assert internet.connected == [(PUBLIC, 80), (PUBLIC, 8080)]
    assert [asked.headers["host"] for asked in public.asked] == ["public.test", "public.test:8080"]


def test_a_name_that_changes_its_meaning_is_not_asked_again(public, internet):
    internet.names["public.test"] = [[PUBLIC], ["127.0.0.1"]]
    assert fetch_publicly("http://public.test/a.jpg") == PICTURE
    assert internet.looked_up == ["public.test"]
    assert internet.connected == [(PUBLIC, 80)]


def test_at_the_second_hop_it_is_judged_anew(public, internet):
    internet.names["public.test"] = [[PUBLIC], ["127.0.0.1"]]
    public.scripts = {"/": redirect("/a.jpg"), **public.scripts}
    with pytest.raises(UrlRefused, match=r"a\.jpg \(where http://public\.test/ leads\) is not on"):
        fetch_publicly("http://public.test/")
    assert internet.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "inside.test", "2130706433"])
def test_a_public_host_cannot_lead_inside(host, public, internet):
    internet.names["inside.test"] = ["10.1.2.3"]
    with Scripted(answer(PICTURE)) as inside:
        public.scripts = {"/": redirect(inside.address(host=host))}
        with pytest.raises(UrlRefused, match="is not on the public internet"):
            fetch_publicly("http://public.test/")
    assert internet.connected == [(PUBLIC, 80)]
    assert inside.connections == 0
    assert len(public.asked) == 1


def test_from_one_public_host_to_another(public, internet):
    internet.names["another.test"] = [ANOTHER]
    internet.routes[ANOTHER] = public.port
    public.scripts = {"/": redirect("http://another.test/a.jpg"), **public.scripts}
    assert fetch_publicly("http://public.test/") == PICTURE
    assert internet.connected == [(PUBLIC, 80), (ANOTHER, 80)]
    assert [asked.headers["host"] for asked in public.asked] == ["public.test", "another.test"]


@pytest.mark.parametrize("others", [[PUBLIC, "127.0.0.1"], ["::1", PUBLIC], [PUBLIC] * 9 + ["::"]])
def test_one_forbidden_address_spoils_the_host(others, public, internet):
    internet.names["public.test"] = others
    with pytest.raises(UrlRefused):
        fetch_publicly("http://public.test/a.jpg")
    assert internet.connected == []


def test_where_one_address_is_out_of_reach_the_next_is_tried(public, internet):
    internet.names["public.test"] = [PUBLIC_V6, ANOTHER, PUBLIC]
    internet.routes |= {PUBLIC_V6: None, ANOTHER: None}
    assert fetch_publicly("http://public.test/a.jpg") == PICTURE
    assert [host for host, _ in internet.connected] == [PUBLIC_V6, ANOTHER, PUBLIC]


def test_not_all_addresses_of_a_host_are_tried(internet):
    many = [f"93.184.216.{n}" for n in range(40, 60)]
    internet.names["public.test"] = many
    internet.routes = dict.fromkeys(many)
    with pytest.raises(UrlFailed, match="cannot be reached: Network is unreachable"):
        fetch_publicly("http://public.test/")
    assert len(internet.connected) == 4


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) of pictures.test and faces.test, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    files = str(folder / "certificate.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-out", files[0], "-keyout", files[1], "-days", "2", "-subj", "/CN=Tests"]
        + ["-addext", "subjectAltName=DNS:pictures.test,DNS:faces.test"],
        check=True,
        capture_output=True,
    )
    return files


@pytest.fixture
def secure(certificate, internet):
    for name in ("pictures.test", "pictures.test.", "faces.test", "other.test"):
        internet.names[name] = ["127.0.0.1"]
    with Scripted(answer(PICTURE), tls=certificate) as server:
        yield server


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(secure):
    error = failure(secure.address("/a", host="pictures.test"))
    assert "its certificate is not trusted (self" in str(error)
    assert secure.asked == []


def test_the_name_and_not_the_address_is_in_the_certificate(secure, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])  # this machine's own authority

    async def both(fetcher):
        for name in ("pictures.test", "faces.test", "pictures.test."):
            assert await fetcher.fetch(secure.address(host=name)) == PICTURE

    run(both, allow_private=True)
    assert secure.names == ["pictures.test", "faces.test", "pictures.test"]
    hosts = [asked.headers["host"].split(":")[0] for asked in secure.asked]
    assert hosts == ["pictures.test", "faces.test", "pictures.test."]
    for host in ("other.test", "127.0.0.1"):
        assert "its certificate is not trusted (" in str(failure(secure.address(host=host)))
    assert len(secure.asked) == 3


def test_plain_http_is_no_tls():
    with Scripted(answer(PICTURE)) as server:
        error = failure(server.address().replace("http", "https"))
    assert "cannot be reached" in str(error)


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
    with Scripted(lambda client: scripts[server.asked[-1].path.split("?")[0]](client)) as server:
        for path in scripts:
            with pytest.raises((UrlFailed, UrlRefused)) as caught:
                fetch(server.address(f"{path}?sig=geheim"), timeout_s=0.3)
            assert f"{path}?sig=***" in str(caught.value)
            assert "geheim" not in str(caught.value)
            assert caught.value.__cause__ is None
