"""The HTTP API of a running demonstration, held to its own OpenAPI document by schemathesis."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.ports import free_port

from .commands import Demo

ENDLESS = {"/v1/events"}
"""A stream has no end to wait for; tests/unit/api reads it."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 15


def test_every_operation_answers_as_its_document_says(tmp_path: Path) -> None:
    """Whatever is drawn from the document: a stated status, its schema, and no fault of ours."""
    with Demo(tmp_path, free_port(), free_port(), "--no-sender") as demo:
        parts = urlsplit(demo.webhook)
        root = f"{parts.scheme}://{parts.netloc}"
        (token,) = [path.read_text().strip() for path in tmp_path.rglob("operator.token")]
        headers = {"Authorization": f"Bearer {token}"}
        schema = schemathesis.openapi.from_url(f"{root}/schema/openapi.json", headers=headers)
        tried = set()
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path in ENDLESS:
                continue
            tried.add(operation.path)

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def held(case: schemathesis.Case) -> None:
                case.call_and_validate(headers=headers, checks=CHECKS)

            held()
        assert {"/v1/status", "/v1/orders", "/v1/listings", "/v1/halt"} <= tried, sorted(tried)
        assert demo.interrupt() == 0
        assert "Traceback" not in demo.said


def test_a_check_would_fail(tmp_path: Path) -> None:
    """The checks bite: an answer that the document does not state is found."""
    with Demo(tmp_path, free_port(), free_port(), "--no-sender") as demo:
        parts = urlsplit(demo.webhook)
        root = f"{parts.scheme}://{parts.netloc}"
        (token,) = [path.read_text().strip() for path in tmp_path.rglob("operator.token")]
        headers = {"Authorization": f"Bearer {token}"}
        schema = schemathesis.openapi.from_url(f"{root}/schema/openapi.json", headers=headers)
        schema.raw_schema["paths"]["/v1/status"]["get"]["responses"] = {"418": {"description": ""}}
        case = schema["/v1/status"]["GET"].Case()
        with pytest.raises(FailureGroup, match="ndocumented status code"):
            case.call_and_validate(headers=headers, checks=CHECKS)
        assert demo.interrupt() == 0
