from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.server.azure.problems import AzureError
from vultus.server.azure.questions import (
    group_question,
    identify_question,
    similar_question,
    verify_question,
)

READERS = (verify_question, identify_question, similar_question, group_question)
MEMBERS = (
    "faceId",
    "faceId1",
    "faceId2",
    "faceIds",
    "personId",
    "personGroupId",
    "largePersonGroupId",
    "faceListId",
    "largeFaceListId",
    "maxNumOfCandidatesReturned",
    "confidenceThreshold",
    "mode",
)
GUIDS = st.uuids().map(str)
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | GUIDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), VALUES, max_size=6))
def test_whatever_a_body_holds_it_is_understood_or_refused(body):
    for read in READERS:
        try:
            read(body)
        except AzureError as error:
            assert error.status == 400
            assert error.message


def test_defaults_are_microsofts():
    face = str(uuid.uuid4())
    identify = identify_question({"faceIds": [face], "personGroupId": "x"})
    assert (identify.top, identify.least) == (10, 0.5)
    similar = similar_question({"faceId": face, "faceIds": [face]})
    assert (similar.top, similar.mode) == (20, "matchPerson")


@pytest.mark.parametrize("mode", ["matchFace", "MATCHFACE", "matchface"])
def test_words_come_in_any_case(mode):
    face = str(uuid.uuid4())
    assert similar_question({"faceId": face, "faceIds": [face], "mode": mode}).mode == "matchFace"
