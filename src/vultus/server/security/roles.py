"""Roles, and what each may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from vultus.errors import AccessDenied, RoleMissing

Role = Literal["viewer", "operator", "admin"]

ROLES: dict[Role, str] = {
    "viewer": "reads visits and events",
    "operator": "also enrols, identifies and corrects people, and sees cameras",
    "admin": "everything: also keys, cameras, export, import and the audit",
}
_RANK: dict[Role, int] = {"viewer": 0, "operator": 1, "admin": 2}


@dataclass(frozen=True)
class Principal:
    """Who sent a request: the name of the key, and its role."""

    name: str
    role: Role

    def require(self, role: Role) -> None:
        """Raises RoleMissing where the key's role is less than `role`."""
        if _RANK[self.role] < _RANK[role]:
            raise RoleMissing(
                f"The key {self.name!r} is for a {self.role}; this needs a key for an {role}.",
                "Ask whoever runs the server for one.",
            )


def principal_of(request: Request) -> Principal:
    """Who sent this request; every request but those of public pages has passed the gate.

    Raises:
        AccessDenied: nobody said who it is.
    """
    found = request.scope.get("principal")
    if not isinstance(found, Principal):
        raise AccessDenied("This needs a key.", "Send it as Authorization: Bearer KEY.")
    return found


# Async, so that nobody waits for a thread, and all requests with them, to be told no.
async def viewer(request: Request) -> Principal:
    """A dependency of routes that any key may use."""
    return _at_least(request, "viewer")


async def operator(request: Request) -> Principal:
    """A dependency of routes that enrol, identify or correct."""
    return _at_least(request, "operator")


async def admin(request: Request) -> Principal:
    """A dependency of routes that rule."""
    return _at_least(request, "admin")


def _at_least(request: Request, role: Role) -> Principal:
    found = principal_of(request)
    found.require(role)
    return found
