"""Azure's face operations: detect, verify, identify, find similar, group."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vultus.server.azure import detect as detecting
from vultus.server.azure import matching
from vultus.server.azure.pictures import picture_of
from vultus.server.azure.questions import (
    FacesQuestion,
    group_question,
    identify_question,
    similar_question,
    verify_question,
)
from vultus.server.azure.router import AzureRouter
from vultus.server.azure.wire import json_object
from vultus.server.services import services_of

router = AzureRouter()


@router.post("/detect")
async def detect(request: Request) -> Response:
    """The faces of a picture that is the body, or whose address is in it."""
    services, query = services_of(request), detecting.detect_query(request)
    data = await picture_of(request, services)
    found = await services.inference.run(
        request, lambda cancel: detecting.detect(data, query, services, cancel)
    )
    return JSONResponse(found)


@router.post("/verify")
async def verify(request: Request) -> Response:
    """Whether two faces are one person, or a face a person of a group."""
    services, question = services_of(request), verify_question(await json_object(request))
    if isinstance(question, FacesQuestion):
        return JSONResponse(matching.verify_faces(question, services))
    return JSONResponse(await run_in_threadpool(matching.verify_person, question, services))


@router.post("/identify")
async def identify(request: Request) -> Response:
    """Who of a trained group each face is."""
    services, question = services_of(request), identify_question(await json_object(request))
    return JSONResponse(await run_in_threadpool(matching.identify, question, services))


@router.post("/findsimilars")
async def find_similar(request: Request) -> Response:
    """Faces like one face, among other detected ones or in a list."""
    services, question = services_of(request), similar_question(await json_object(request))
    return JSONResponse(await run_in_threadpool(matching.similar, question, services))


@router.post("/group")
async def group(request: Request) -> Response:
    """Detected faces by person."""
    services, face_ids = services_of(request), group_question(await json_object(request))
    found = await services.inference.run(request, lambda _: matching.group(face_ids, services))
    return JSONResponse(found)
