"""`vultus keys`: create, list, revoke."""

from __future__ import annotations

import pytest

from vultus.cli.keys_command import RoleName
from vultus.gallery.database import Database
from vultus.server.security.keys import KeyStore, digest
from vultus.server.security.roles import ROLES


def stored(path):
    database = Database(str(path))
    try:
        return KeyStore(database).valid()
    finally:
        database.close()


def test_the_key_alone_is_on_stdout(run, tmp_path):
    ran = run("keys", "create", "door bell", "--role", "operator")
    assert ran.code == 0
    key = ran.stdout.strip()
    assert " " not in key
    assert "shown this once" in ran.stderr
    assert key not in ran.stderr
    principal = stored(tmp_path / "gallery" / "people.db")[digest(key)]
    assert (principal.name, principal.role) == ("door bell", "operator")


def test_as_json(run, tmp_path):
    (made,) = run("keys", "create", "a", "--role", "viewer", "-f", "json").records
    assert set(made) == {"name", "role", "key"}
    assert digest(made["key"]) in stored(tmp_path / "gallery" / "people.db")
    (listed,) = run("keys", "list", "-f", "json").records
    assert set(listed) == {"name", "role", "created_at", "revoked_at"}
    assert (listed["name"], listed["role"], listed["revoked_at"]) == ("a", "viewer", None)
    assert listed["created_at"].endswith("Z")
    (revoked,) = run("keys", "revoke", "a", "--yes", "-f", "json").records
    assert revoked == {"name": "a", "revoked": True}
    (listed,) = run("keys", "list", "-f", "json").records
    assert listed["revoked_at"] >= listed["created_at"]


def test_the_list_never_shows_a_key(run):
    key = run("keys", "create", "a", "--role", "admin").stdout.strip()
    for form in ("human", "json", "quiet"):
        ran = run("keys", "list", "--format", form)
        assert ran.code == 0
        assert key not in ran.stdout + ran.stderr
        assert digest(key) not in ran.stdout + ran.stderr


def test_nobody_has_a_key_yet(run, tmp_path):
    ran = run("keys", "list")
    assert (ran.code, ran.stdout) == (0, "")
    assert "There are no keys" in ran.stderr
    assert not (tmp_path / "gallery").exists()


def test_revoking_asks_first(run, tmp_path):
    run("keys", "create", "a", "--role", "admin")
    assert run("keys", "revoke", "a", answer="n\n").code == 1
    assert len(stored(tmp_path / "gallery" / "people.db")) == 1
    assert run("keys", "revoke", "a", answer="y\n").stdout.endswith("a is revoked\n")
    assert stored(tmp_path / "gallery" / "people.db") == {}


def test_the_data_folder_is_the_servers(run, tmp_path, monkeypatch):
    monkeypatch.delenv("VULTUS_GALLERY")
    key = run("keys", "create", "a", "--role", "admin", "--data-dir", tmp_path / "here").stdout
    assert digest(key.strip()) in stored(tmp_path / "here" / "people.db")
    other = tmp_path / "other.db"
    run("keys", "create", "b", "--role", "admin", "--gallery", other)
    assert len(stored(other)) == 1
    (listed,) = run("keys", "list", "--gallery", other, "-f", "json").records
    assert listed["name"] == "b"


REFUSED = {
    "no role": (["create", "b"], 2),
    "no such role": (["create", "b", "--role", "root"], 2),
    "no name": (["create", "a/b", "--role", "admin"], 2),
    "a key that nobody would see": (["create", "b", "--role", "admin", "-f", "quiet"], 2),
    "a name that is taken": (["create", "a", "--role", "viewer"], 1),
    "nobody's": (["revoke", "b", "--yes"], 1),
    "another gallery": (["revoke", "a", "--yes", "--gallery", "nowhere.db"], 4),
}


@pytest.mark.parametrize(("arguments", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(run, tmp_path, arguments, code):
    run("keys", "create", "a", "--role", "admin")
    ran = run("keys", *arguments)
    assert (ran.code, ran.stdout) == (code, "")
    assert "Traceback" not in ran.stderr
    assert len(stored(tmp_path / "gallery" / "people.db")) == 1


def test_the_roles_are_the_servers():
    assert [role.value for role in RoleName] == list(ROLES)
