"""Every error has a status, and leaves in one form."""

from __future__ import annotations

import json

import pytest

from tests.test_errors import ALL
from vultus import errors
from vultus.server.azure.problems import AzureError, azure_problem
from vultus.server.problems import _BY_CLASS, code_of_status, problem, status_of

LISTED = {kind for kind, _ in _BY_CLASS}


@pytest.mark.parametrize("error", ALL)
def test_every_error_has_a_status_of_its_own_or_of_its_nearest_parent(error):
    assert 400 <= status_of(error("It broke.")) <= 599
    assert error in LISTED or error.__mro__[1] in LISTED


def test_no_row_of_the_table_hides_a_later_one():
    for number, (kind, _) in enumerate(_BY_CLASS):
        assert not any(issubclass(kind, earlier) for earlier, _ in _BY_CLASS[:number])


@pytest.mark.parametrize("error", ALL)
def test_both_apis_tell_code_and_message_in_the_same_form(error):
    for answer in (problem(error("It broke.", "Mend it.")), azure_problem(error("It broke."))):
        told = json.loads(answer.body)["error"]
        assert set(told) == {"code", "message"}
        assert told["code"]
        assert told["message"]


def test_who_has_to_wait_is_told_how_long():
    busy = errors.ServerBusy("Busy.")
    busy.retry_after_s = 2.3
    assert problem(busy).headers["retry-after"] == "3"
    assert problem(busy).status_code == 503
    assert azure_problem(errors.RateExceeded("Slow down.")).headers["retry-after"] == "1"
    assert problem(errors.GalleryBusy("Busy.")).headers["retry-after"] == "5"


def test_a_gallery_that_cannot_be_written_is_no_fault_of_the_program():
    assert status_of(errors.GalleryReadOnly("It is read-only.")) == 507


def test_half_a_character_from_a_client_breaks_no_answer():
    answer = problem(errors.UsageError("There is: \ud800."))
    assert (answer.status_code, json.loads(answer.body)["error"]["message"]) == (
        400,
        "There is: ?.",
    )


def test_where_nothing_can_be_written_the_client_hears_507():
    for error in (errors.GalleryReadOnly("Read-only."), errors.StorageError("Full.")):
        assert problem(error).status_code == 507
        answer = azure_problem(error)
        assert answer.status_code == 507
        assert json.loads(answer.body)["error"]["code"] == "InsufficientStorage"


def test_errors_of_the_wire_carry_their_own_code():
    answer = AzureError(404, "PersonNotFound", "No such person.").response()
    assert (answer.status_code, json.loads(answer.body)["error"]["code"]) == (404, "PersonNotFound")


def test_https_own_errors_have_codes_too():
    assert code_of_status(404) == "not_found"
    assert code_of_status(418) == "http_error"
    assert code_of_status(500) == "internal_error"
