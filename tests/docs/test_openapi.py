"""The OpenAPI document is valid, and says all that callers need."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from jobs.machine_settings import REPOSITORY
from server.app import create_app
from server.document import text
from server.openapi import document_of
from server.resources import of

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> Any:
    app = create_app()
    yield document_of(app)
    of(app).close()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_the_document_is_valid_openapi_3_1(document: Any):
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_has_a_name_a_summary_and_one_tag(document: Any):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for path, method, operation in operations(document):
        assert operation["summary"], (method, path)
        assert not operation["summary"].endswith("."), (method, path)
        assert len(operation["tags"]) == 1


def test_every_route_of_the_application_is_in_the_document(document: Any):
    app = create_app()
    rules = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
    }
    assert rules == set(document["paths"])
    of(app).close()


def test_every_error_is_a_problem(document: Any):
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            assert response["description"]
            if int(status) >= 400:
                assert response["content"] == {"application/problem+json": problem}, (method, path)
            if status in ("429", "503"):
                assert "Retry-After" in response["headers"]


def test_what_reads_redis_may_be_503(document: Any):
    # Of all others Redis says whose token it is.
    without = {"health"}
    for _, _, operation in operations(document):
        name = operation["operationId"]
        assert ("503" in operation["responses"]) is (name not in without), name


def test_a_created_job_has_every_status_it_can_have(document: Any):
    responses = document["paths"]["/api/v1/jobs"]["post"]["responses"]
    expected = {"200", "202", "400", "401", "403", "408", "409", "413", "415", "422", "429", "503"}
    assert set(responses) == expected
    assert {"Location", "Retry-After"} <= set(responses["202"]["headers"])


def test_every_reference_leads_somewhere(document: Any):
    text = str(document)
    for name in re.findall(r"#/components/schemas/([\w.-]+)", text):
        assert name in document["components"]["schemas"]


def test_every_field_of_a_request_says_what_it_is_and_its_limits(document: Any):
    fields = document["components"]["schemas"]["GenerationRequest"]["properties"]
    for name, field in fields.items():
        assert field.get("description"), name
    assert fields["count"]["maximum"] == 16
    assert {"minimum", "maximum"} <= set(fields["steps"]["anyOf"][0])


def test_the_examples_of_a_request_are_requests(document: Any):
    from jobs.request.request import GenerationRequest

    body = document["paths"]["/api/v1/jobs"]["post"]["requestBody"]
    examples = body["content"]["application/json"]["examples"]
    assert len(examples) >= 2
    for example in examples.values():
        GenerationRequest.model_validate(example["value"])


def test_the_file_that_clients_are_built_from_is_the_document():
    written = (REPOSITORY / "docs" / "openapi.json").read_text()
    assert written == text(), "run: .venv/bin/python -m server.document > docs/openapi.json"
