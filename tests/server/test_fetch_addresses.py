"""Which addresses are fetched from, however they are spelled, and whatever a name means later."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.fetch_servers import (
    ANOTHER,
    PICTURE,
    PUBLIC,
    PUBLIC_V6,
    Internet,
    Scripted,
    answer,
    failure,
    fetch,
    redirect,
    share_trust,
)
from vultus.errors import UrlFailed, UrlRefused
from vultus.server.fetch import Fetcher, is_public


@pytest.fixture(autouse=True)
def internet(monkeypatch):
    share_trust(monkeypatch)
    return Internet(monkeypatch)


def fetch_publicly(url):
    return fetch(url, allow_private=False)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "The address is neither http nor https"),
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
"""


@pytest.mark.parametrize("host", FORBIDDEN.split())
def test_however_it_is_spelled_what_is_not_public_is_never_connected_to(host, internet):
    with Scripted(answer(PICTURE)) as server:
        error = failure(server.address(host=host), UrlRefused, allow_private=False)
    assert "is not on the public internet." in str(error)
    assert "allow_private_urls" in error.hint
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
    [
        *("1.1.1.1", PUBLIC, "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.0"),
        *("192.0.1.0", "168.63.129.15", "223.255.255.255", "198.17.0.1", "198.20.0.0"),
        *(PUBLIC_V6, "2001:4860:4860::8888", "2a00::1", "3ffe::1"),
        *("64:ff9b::8.8.8.8", "::ffff:8.8.8.8"),
    ],
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
