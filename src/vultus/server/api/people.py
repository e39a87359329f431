"""The people of a group, and the faces they are recognised by."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from vultus.errors import FaceUnknown
from vultus.gallery.rows import check_name
from vultus.server.api.contract import After, Limit, body_of, problems, takes
from vultus.server.api.enrolling import Wish, enrol
from vultus.server.api.models import (
    EnrolledFace,
    Enrolments,
    Merge,
    Move,
    NewName,
    PeoplePage,
    PersonDetails,
    PersonInfo,
)
from vultus.server.api.names import GroupName, Guid, PersonName, router_of
from vultus.server.inputs import pictures_of
from vultus.server.security.roles import Principal, operator
from vultus.server.services import services_of

router = router_of("people", operator)
_PERSON = "/api/v1/groups/{group}/people/{person}"
_FACE = _PERSON + "/faces/{face}"
_PRIVATE = {"Cache-Control": "no-store"}
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
_PICTURES = {
    "requestBody": {
        "required": True,
        "description": "The picture itself, a form with one or several files, or JSON with "
        "`image` (base64) or `url`.",
        "content": {
            "image/*": _PICTURE,
            "application/octet-stream": _PICTURE,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "picture": {"type": "array", "items": _PICTURE["schema"], "minItems": 1}
                    },
                    "required": ["picture"],
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"image": {"type": "string"}, "url": {"type": "string"}},
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": False,
                }
            },
        },
    }
}
Embeddings = Annotated[bool, Query(description="Tell the embeddings too; for a key of an admin.")]


@router.get(
    "/api/v1/groups/{group}/people",
    summary="List people",
    responses=problems(404),
    response_model_exclude_none=True,
)
def list_people(
    request: Request, group: GroupName, limit: Limit = 100, after: After = None
) -> PeoplePage:
    """People of a group by name, with the number of their faces."""
    found = services_of(request).gallery.people(group, after=after, limit=limit + 1)
    told = [PersonInfo.of(person) for person in found[:limit]]
    return PeoplePage(people=told, next=told[-1].name if len(found) > limit else None)


@router.get("/api/v1/people/{person_id}", summary="Find a person by id", responses=problems(404))
def find_person(request: Request, person_id: Guid) -> PersonInfo:
    """Somebody of whatever group: the audit and Azure's clients know people by their ids."""
    return PersonInfo.of(services_of(request).gallery.person_of_guid(person_id))


@router.get(
    _PERSON,
    summary="Get a person",
    responses=problems(404),
    response_model=PersonDetails,
    response_model_exclude_none=True,
)
def get_person(
    request: Request,
    response: Response,
    group: GroupName,
    person: PersonName,
    principal: Annotated[Principal, Depends(operator)],
    embeddings: Embeddings = False,
) -> PersonDetails:
    """One person with the enrolled faces."""
    if embeddings:
        principal.require("admin")
    response.headers.update(_PRIVATE)
    gallery = services_of(request).gallery
    found = gallery.person(person, group=group)
    return PersonDetails.with_faces(
        found, gallery.faces_of(person, group=group), embeddings=embeddings
    )


@router.patch(
    _PERSON,
    summary="Rename a person",
    responses=problems(404, 409, 413, 415, 507),
    openapi_extra=takes(NewName),
)
async def rename_person(
    request: Request,
    group: GroupName,
    person: PersonName,
    wished: Annotated[NewName, Depends(body_of(NewName))],
) -> PersonInfo:
    """Give a person another name; id, faces and visits stay."""
    name, services = check_name(wished.name, "person"), services_of(request)

    def rename() -> PersonInfo:
        services.gallery.rename(person, name, group=group)
        return PersonInfo.of(services.gallery.person(name, group=group))

    return await services.writers.run(rename)


@router.post(
    _PERSON + "/move",
    summary="Move a person to another group",
    responses=problems(404, 409, 413, 415, 507),
    openapi_extra=takes(Move),
)
async def move_person(
    request: Request,
    group: GroupName,
    person: PersonName,
    wished: Annotated[Move, Depends(body_of(Move))],
) -> PersonInfo:
    """With all faces and visits. The other group is made if need be."""
    target, services = check_name(wished.group, "group"), services_of(request)

    def move() -> PersonInfo:
        services.gallery.move(person, target, group=group)
        return PersonInfo.of(services.gallery.person(person, group=target))

    return await services.writers.run(move)


@router.post(
    _PERSON + "/merge",
    summary="Merge a person into another one",
    responses=problems(404, 413, 415, 507),
    openapi_extra=takes(Merge),
)
async def merge_people(
    request: Request,
    group: GroupName,
    person: PersonName,
    wished: Annotated[Merge, Depends(body_of(Merge))],
) -> PersonInfo:
    """Both are the same: the other one gets faces and visits, and this one is gone."""
    into, services = check_name(wished.into, "person"), services_of(request)

    def merge() -> PersonInfo:
        services.gallery.merge(person, into, group=group)
        return PersonInfo.of(services.gallery.person(into, group=group))

    return await services.writers.run(merge)


@router.delete(_PERSON, summary="Remove a person", status_code=204, responses=problems(404, 507))
async def remove_person(request: Request, group: GroupName, person: PersonName) -> None:
    """With all faces, visits and their pictures."""
    services = services_of(request)
    await services.writers.run(partial(services.gallery.remove, person, group=group))


@router.post(
    _PERSON + "/faces",
    summary="Enrol pictures of a person",
    responses=problems(409, 413, 415, 507),
    response_model=Enrolments,
    response_model_exclude_none=True,
    openapi_extra=_PICTURES,
)
async def enrol_faces(
    request: Request,
    group: GroupName,
    person: PersonName,
    largest: Annotated[
        bool, Query(description="Take the largest face of a picture with several.")
    ] = False,
    keep_crops: Annotated[
        bool, Query(description="Keep the aligned face, so that a later model can be applied.")
    ] = False,
) -> Enrolments:
    """Group and person are made when they are not there; what is answered is on disk.

    One picture that cannot be enrolled is an error. Of several each has its own result.
    """
    services = services_of(request)
    pictures = await pictures_of(request, services)
    wish = Wish(group, person, largest=largest, keep_crops=keep_crops)
    return await enrol(request, services, pictures, wish)


@router.get(
    _FACE,
    summary="Get an enrolled face",
    responses=problems(404),
    response_model=EnrolledFace,
    response_model_exclude_none=True,
)
def get_face(request: Request, group: GroupName, person: PersonName, face: Guid) -> EnrolledFace:
    """Where it is from and how good it is."""
    return EnrolledFace.of(services_of(request).gallery.face(face, person=person, group=group))


@router.get(
    _FACE + "/crop",
    summary="Get the picture of an enrolled face",
    response_class=Response,
    responses={200: {"content": {"image/png": _PICTURE}}, **problems(404)},
)
def get_crop(request: Request, group: GroupName, person: PersonName, face: Guid) -> Response:
    """The aligned face as PNG, where it was kept."""
    crop = services_of(request).gallery.face(face, person=person, group=group).crop
    if crop is None:
        raise FaceUnknown("No picture of this face was kept.", "Enrol with keep_crops=true.")
    return Response(crop, media_type="image/png", headers=_PRIVATE)


@router.delete(
    _FACE, summary="Remove an enrolled face", status_code=204, responses=problems(404, 507)
)
async def remove_face(request: Request, group: GroupName, person: PersonName, face: Guid) -> None:
    """One of a person's faces."""
    services = services_of(request)
    remove = partial(services.gallery.remove_face, face, group=group, person=person)
    await services.writers.run(remove)
