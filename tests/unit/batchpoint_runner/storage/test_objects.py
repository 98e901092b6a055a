"""How foreign errors read; what the verbs do is in the contract suite, on real servers."""

from __future__ import annotations

import pytest
from obstore import exceptions as foreign

from batchpoint_runner.errors import AccessDenied, ObjectNotFound, StorageError, StorageUnavailable
from batchpoint_runner.storage.buckets import open_bucket
from batchpoint_runner.storage.objects import FOREIGN_TEXT_CHARACTERS, words_of

_REQUEST = "Generic S3 error: Error performing GET http://h/b?sig=hunter2 in 1ms - "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "Server returned non-2xx status code: 403 Forbidden: <Error><Code>Expired</Code>"
            "<Message>Too late. RequestId:1</Message></Error>\n\nDebug source:\nx",
            "the server answered 403 Forbidden (Expired: Too late.)",
            id="server-says-why",
        ),
        pytest.param(
            'HTTP error: error sending request\n\nDebug source:\nOs {message: "Connection refused",}',
            "the server cannot be reached (Connection refused)",
            id="connection",
        ),
        pytest.param(
            "HTTP error\n\nDebug source:\nBadScheme",
            "the endpoint is http://, which needs the datastore's file `allow_http` with `true`",
            id="plain-http",
        ),
        pytest.param(
            "something else",
            "Generic S3 error: Error performing GET http://h/b in 1ms - something else",
            id="unknown",
        ),
    ],
)
def test_foreign_text_becomes_a_few_words(text: str, words: str) -> None:
    """The cause is found, the dump dropped, and queries with signatures never shown."""
    assert words == words_of(foreign.GenericError(_REQUEST + text))


def test_foreign_text_is_cut() -> None:
    """At a named constant."""
    assert FOREIGN_TEXT_CHARACTERS >= len(words_of(ValueError("word " * 1000)))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", AccessDenied),
        ("404 Not Found", ObjectNotFound),
        ("400 Bad Request", StorageError),
        ("429 Too Many Requests", StorageUnavailable),
        ("503 Slow Down", StorageUnavailable),
    ],
)
def test_the_status_decides_whether_it_is_worth_another_try(
    status: str, kind: type[StorageError]
) -> None:
    """The client itself has repeated what it could."""
    store = open_bucket("s3", "b", {}, {})
    with pytest.raises(StorageError) as caught, store._translated("list", "x"):
        raise foreign.GenericError(f"Server returned non-2xx status code: {status}: no")
    assert kind is type(caught.value)
    assert ("s3://b", "x", "list") == (
        caught.value.store,
        caught.value.path,
        caught.value.operation,
    )
