"""https: whose certificate is asked for and trusted, and what is left open."""

from __future__ import annotations

import asyncio
import gc
import shutil
import socket
import subprocess

import pytest

from tests.server.fetch_servers import PICTURE, Internet, Scripted, answer, failure, run
from vultus.errors import UrlFailed


@pytest.fixture(autouse=True)
def internet(monkeypatch):
    return Internet(monkeypatch)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) of pictures.test and faces.test, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    files = str(folder / "certificate.pem"), str(folder / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-out", files[0], "-keyout", files[1], "-days", "2", "-subj", "/CN=Tests"),
            *("-addext", "subjectAltName=DNS:pictures.test,DNS:faces.test"),
        ],
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
    assert str(error).endswith("cannot be reached: TLS fails.")


@pytest.mark.parametrize("how", ["timeout", "cancelled"])
def test_a_connection_that_is_silent_as_tls_begins_is_closed(how):
    """By us and not by the garbage collector: a stranger could use up all our sockets."""

    async def work(fetcher):
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        port = listener.getsockname()[1]
        going = asyncio.create_task(fetcher.fetch(f"https://127.0.0.1:{port}/"))
        connection, _ = await loop.sock_accept(listener)
        with connection:
            assert await loop.sock_recv(connection, 65536)  # the greeting
            if how == "cancelled":
                going.cancel()
            with pytest.raises((UrlFailed, asyncio.CancelledError)):
                await going
            last = await asyncio.wait_for(loop.sock_recv(connection, 65536), 1)
            assert last == b""

    gc.disable()
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            run(work, allow_private=True, timeout_s=0.3)
    finally:
        gc.enable()
