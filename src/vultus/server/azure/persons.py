"""People in groups, and their persisted faces."""

from __future__ import annotations

from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vultus.gallery.members import Member, MemberStore
from vultus.server.azure.adding import asked_of, face_of
from vultus.server.azure.router import AzureRouter
from vultus.server.azure.wire import (
    LONGEST_FACE_DATA,
    change_in,
    empty,
    group_kind,
    json_object,
    page_of,
    required,
    shown_face,
    text_in,
    told_as,
    without_unset,
)
from vultus.server.services import services_of

router = AzureRouter()

_PEOPLE = "/{wire_id}/persons"
_PERSON = _PEOPLE + "/{person_id}"
_FACES = _PERSON + "/persistedfaces"
_FACE = _FACES + "/{face_id}"


@router.post("/persongroups" + _PEOPLE)
@router.post("/largepersongroups" + _PEOPLE)
async def create(request: Request, wire_id: str) -> Response:
    """Several people may have one name."""
    kind, new = group_kind(request), await change_in(request)
    name = required(new.title, "name")
    make = partial(_people(request).create, kind, wire_id, name, user_data=new.user_data)
    with told_as(kind):
        guid = await services_of(request).writers.run(make)
    return JSONResponse({"personId": guid})


@router.get("/persongroups" + _PEOPLE)
@router.get("/largepersongroups" + _PEOPLE)
def page(request: Request, wire_id: str) -> Response:
    """By personId."""
    kind = group_kind(request)
    with told_as(kind):
        found = _people(request).page(kind, wire_id, page_of(request))
    return JSONResponse([_shown(person) for person in found])


@router.get("/persongroups" + _PERSON)
@router.get("/largepersongroups" + _PERSON)
def get(request: Request, wire_id: str, person_id: str) -> Response:
    """One of them."""
    kind = group_kind(request)
    with told_as(kind):
        return JSONResponse(_shown(_people(request).find(kind, wire_id, person_id)))


@router.patch("/persongroups" + _PERSON)
@router.patch("/largepersongroups" + _PERSON)
async def update(request: Request, wire_id: str, person_id: str) -> Response:
    """What is not sent stays."""
    kind, change = group_kind(request), await change_in(request)
    apply = partial(
        _people(request).update,
        kind,
        wire_id,
        person_id,
        title=change.title,
        user_data=change.user_data,
    )
    with told_as(kind):
        await services_of(request).writers.run(apply)
    return empty()


@router.delete("/persongroups" + _PERSON)
@router.delete("/largepersongroups" + _PERSON)
async def delete(request: Request, wire_id: str, person_id: str) -> Response:
    """With all that is known of them; nobody is identified as them from now on."""
    kind, remove = group_kind(request), _people(request).delete
    with told_as(kind):
        await services_of(request).writers.run(partial(remove, kind, wire_id, person_id))
    return empty()


@router.post("/persongroups" + _FACES)
@router.post("/largepersongroups" + _FACES)
async def add_face(request: Request, wire_id: str, person_id: str) -> Response:
    """The one face of a picture, or the one at targetFace; also where it is there already."""
    kind, people, asked = group_kind(request), _people(request), asked_of(request)
    with told_as(kind):
        await run_in_threadpool(people.require, kind, wire_id, person_id)
        face = await face_of(request, services_of(request), asked.target)
        add = partial(people.add_face, kind, wire_id, person_id, face, user_data=asked.user_data)
        guid = await services_of(request).writers.run(add)
    return JSONResponse({"persistedFaceId": guid})


@router.get("/persongroups" + _FACE)
@router.get("/largepersongroups" + _FACE)
def get_face(request: Request, wire_id: str, person_id: str, face_id: str) -> Response:
    """One of a person's faces."""
    kind = group_kind(request)
    with told_as(kind):
        return JSONResponse(shown_face(_people(request).face(kind, wire_id, person_id, face_id)))


@router.patch("/persongroups" + _FACE)
@router.patch("/largepersongroups" + _FACE)
async def update_face(request: Request, wire_id: str, person_id: str, face_id: str) -> Response:
    """Its userData, which stays where it is not sent."""
    kind = group_kind(request)
    data = text_in(await json_object(request), "userData", LONGEST_FACE_DATA)
    change = partial(_people(request).update_face, kind, wire_id, person_id, face_id)
    with told_as(kind):
        await services_of(request).writers.run(partial(change, user_data=data))
    return empty()


@router.delete("/persongroups" + _FACE)
@router.delete("/largepersongroups" + _FACE)
async def delete_face(request: Request, wire_id: str, person_id: str, face_id: str) -> Response:
    """The person stays, without it."""
    kind, remove = group_kind(request), _people(request).delete_face
    with told_as(kind):
        await services_of(request).writers.run(partial(remove, kind, wire_id, person_id, face_id))
    return empty()


def _people(request: Request) -> MemberStore:
    return services_of(request).containers.people


def _shown(person: Member) -> dict[str, object]:
    return without_unset(
        personId=person.guid,
        name=person.title,
        userData=person.user_data,
        persistedFaceIds=person.face_guids,
    )
