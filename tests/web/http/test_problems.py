"""Every error is a problem: each has its status, and of a defect nothing is told but where to find it."""

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from hiring_api import errors
from hiring_api.web.routes import me

DEFECT = (
    "a defect of the program, which the log has under this request_id: look whether a change was made before "
    "you send it again"
)


@pytest.fixture
def broken(monkeypatch):
    """Makes `GET /me` raise an error."""

    def with_error(error):
        def fail(*_given, **_named):
            raise error

        monkeypatch.setattr(me, "caller", fail)

    return with_error


def test_of_a_defect_only_its_request_is_told(client, broken, caplog):
    broken(ZeroDivisionError("the secret of the house"))
    answer = client.get("/me")
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert answer.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": DEFECT,
        "request_id": answer.headers["X-Request-ID"],
    }
    [record] = [record for record in caplog.records if record.exc_info]
    assert record.levelno == logging.ERROR
    assert record.exc_info[1].args == ("the secret of the house",)


STATUSES = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Busy: 409,
    errors.Changed: 412,
    errors.TransactionTooLarge: 413,
    errors.InvalidFile: 422,
    errors.InvalidRows: 422,
    errors.Unproven: 500,
    errors.DatabaseUnavailable: 503,
    errors.CommitUnsure: 503,
    errors.NotPermitted: 503,
    errors.NotTrusted: 503,
    errors.StorageUnavailable: 503,
    errors.StorageFull: 507,
    errors.BackupsFull: 507,
}
OF_OPERATOR = "GRANT ALL TO 'root'"


def test_every_error_has_a_status():
    every = {kind for kind in vars(errors).values() if isinstance(kind, type)} - {errors.HiringError, Any}
    assert every == set(STATUSES)


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
def test_an_error_is_told_with_its_status_and_when_to_try_again(app, broken, caplog, kind):
    secret = [OF_OPERATOR] if issubclass(kind, errors.NotPermitted) else []
    broken(kind("what went wrong", *secret))
    # Not the client that compares answers with the document: this route does not have all of these errors
    answer = FlaskClient(app, app.response_class).get("/me", auth=("tester", "correct horse"))
    assert (answer.status_code, answer.json["detail"]) == (STATUSES[kind], "what went wrong")
    later = answer.status_code == 503 or kind is errors.Busy
    assert answer.headers.get("Retry-After") == ("5" if later else None)
    assert OF_OPERATOR not in answer.text
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert bool(logged) is (answer.status_code >= 500)
    assert all(line in " ".join(logged) for line in secret)


def test_a_wrong_method_is_told_which_ones_there_are(client):
    answer = client.put("/jobs")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert answer.json["detail"] == (
        "the address does not take this method: the header Allow lists those it takes"
    )
