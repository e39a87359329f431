"""Face lists, large face lists, and their faces."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vultus.gallery.face_lists import FaceList
from vultus.gallery.wire_rows import Page
from vultus.server.azure.adding import asked_of, face_of
from vultus.server.azure.router import AzureRouter
from vultus.server.azure.wire import (
    LONGEST_FACE_DATA,
    change_in,
    empty,
    flag,
    json_object,
    list_kind,
    new_in,
    page_of,
    shown_face,
    text_in,
    told_as,
    without_unset,
)
from vultus.server.services import services_of

router = AzureRouter()

_ID_OF = {"facelists": "faceListId", "largefacelists": "largeFaceListId"}
_FACES = "/{wire_id}/persistedfaces"
_FACE = _FACES + "/{face_id}"


@router.put("/facelists/{wire_id}")
@router.put("/largefacelists/{wire_id}")
async def create(request: Request, wire_id: str) -> Response:
    """409 where the id is taken."""
    kind, new = list_kind(request), await new_in(request)
    services = services_of(request)
    make = partial(
        services.face_lists.create,
        kind,
        wire_id,
        new.title,
        user_data=new.user_data,
        recognition_model=new.recognition_model,
    )
    with told_as(kind):
        await services.writers.run(make)
    return empty()


@router.get("/facelists")
@router.get("/largefacelists")
def page(request: Request) -> Response:
    """By id, without faces. Clients cannot page through face lists: they hear of all."""
    kind, model = list_kind(request), flag(request, "returnRecognitionModel")
    asked = page_of(request)
    if kind == "facelists" and not request.query_params.get("top"):
        asked = replace(asked, top=None)
    found = services_of(request).face_lists.page(kind, asked)
    return JSONResponse([_shown(each, model) for each in found])


@router.get("/facelists/{wire_id}")
@router.get("/largefacelists/{wire_id}")
def get(request: Request, wire_id: str) -> Response:
    """One of them; a face list with all its faces."""
    kind, model = list_kind(request), flag(request, "returnRecognitionModel")
    lists = services_of(request).face_lists
    with told_as(kind):
        answer = _shown(lists.find(kind, wire_id), model)
        if kind == "facelists":
            faces = lists.faces(kind, wire_id, Page(top=None))
            answer["persistedFaces"] = [shown_face(face) for face in faces]
    return JSONResponse(answer)


@router.patch("/facelists/{wire_id}")
@router.patch("/largefacelists/{wire_id}")
async def update(request: Request, wire_id: str) -> Response:
    """What is not sent stays."""
    kind, change = list_kind(request), await change_in(request)
    services = services_of(request)
    apply = partial(
        services.face_lists.update,
        kind,
        wire_id,
        title=change.title,
        user_data=change.user_data,
    )
    with told_as(kind):
        await services.writers.run(apply)
    return empty()


@router.delete("/facelists/{wire_id}")
@router.delete("/largefacelists/{wire_id}")
async def delete(request: Request, wire_id: str) -> Response:
    """With all its faces; the id is free then."""
    kind, services = list_kind(request), services_of(request)
    with told_as(kind):
        await services.writers.run(partial(services.face_lists.delete, kind, wire_id))
    return empty()


@router.post("/facelists" + _FACES)
@router.post("/largefacelists" + _FACES)
async def add_face(request: Request, wire_id: str) -> Response:
    """The one face of a picture, or the one at targetFace; also where it is there already."""
    kind, services, asked = list_kind(request), services_of(request), asked_of(request)
    lists = services.face_lists
    with told_as(kind):
        await run_in_threadpool(lists.find, kind, wire_id)
        face = await face_of(request, services, asked.target)
        add = partial(lists.add_face, kind, wire_id, face, user_data=asked.user_data)
        guid = await services.writers.run(add)
    return JSONResponse({"persistedFaceId": guid})


@router.delete("/facelists" + _FACE)
@router.delete("/largefacelists" + _FACE)
async def delete_face(request: Request, wire_id: str, face_id: str) -> Response:
    """Nothing is found similar to it from now on."""
    kind, services = list_kind(request), services_of(request)
    with told_as(kind):
        await services.writers.run(partial(services.face_lists.delete_face, kind, wire_id, face_id))
    return empty()


@router.get("/largefacelists" + _FACES)
def page_of_faces(request: Request, wire_id: str) -> Response:
    """By persistedFaceId."""
    kind = list_kind(request)
    with told_as(kind):
        found = services_of(request).face_lists.faces(kind, wire_id, page_of(request))
    return JSONResponse([shown_face(face) for face in found])


@router.get("/largefacelists" + _FACE)
def get_face(request: Request, wire_id: str, face_id: str) -> Response:
    """One of a list's faces."""
    kind = list_kind(request)
    with told_as(kind):
        return JSONResponse(
            shown_face(services_of(request).face_lists.face(kind, wire_id, face_id))
        )


@router.patch("/largefacelists" + _FACE)
async def update_face(request: Request, wire_id: str, face_id: str) -> Response:
    """Its userData, which stays where it is not sent."""
    kind, services = list_kind(request), services_of(request)
    data = text_in(await json_object(request), "userData", LONGEST_FACE_DATA)
    apply = partial(services.face_lists.update_face, kind, wire_id, face_id, user_data=data)
    with told_as(kind):
        await services.writers.run(apply)
    return empty()


def _shown(found: FaceList, model: bool) -> dict[str, object]:
    return {
        _ID_OF[found.kind]: found.wire_id,
        **without_unset(
            name=found.title,
            userData=found.user_data,
            recognitionModel=found.recognition_model if model else None,
        ),
    }
