"""The OpenAPI document: typed routes, the problems that each may answer with, and its examples."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from copy import deepcopy
from functools import cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar, cast

from flask import Flask, Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.schema import Schema
from flask_openapi.models.tag import Tag
from flask_openapi.openapi import OpenAPI
from flask_openapi.types import ResponseDict
from pydantic import BaseModel

PREFIX = "/api/v1"
DOCUMENT = "darkroom_openapi"
REFERENCE = "#/components/schemas/{model}"

DESCRIPTION = """\
Send a prompt, get a picture. A job is accepted with 202 and makes its way through a queue; follow \
it by its events, ask for it now and then, or send `Prefer: wait=30` and have the result at once. \
On the machine itself no token is needed; everything else is paired first. Every error is an \
`application/problem+json`."""

PROBLEMS = {
    400: "The body is not of the type that it says; the detail says where it breaks.",
    401: "A token is missing, wrong or revoked; `WWW-Authenticate` says what is taken.",
    403: "Not for this caller: a code, token or signature is wrong, or it takes an admin or a page "
    "of this origin.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "Not as things stand: the job was deleted meanwhile, the model is pinned, its name is "
    "taken, or it is not Darkroom's to change.",
    412: "Another version of the protocol than the server speaks.",
    413: "The body is larger than the server takes.",
    415: "The body is of another type than the server takes.",
    416: "The range lies outside the picture.",
    422: "A field does not fit; `errors` names each with its limit.",
    429: "Too much: requests, jobs, pictures or wrong tries; come back after `Retry-After` "
    "seconds.",
    503: "Not just now; come back after `Retry-After` seconds.",
}
"""What each error status means, wherever a route lists it."""

HEADERS: dict[str, dict[str, str]] = {
    "202": {
        "Location": "URL of the job, or of the addition.",
        "Retry-After": "Seconds after which it makes sense to ask for the job.",
    },
    "401": {"WWW-Authenticate": "What is taken: Bearer, and Basic with the token as password."},
    "429": {
        "Retry-After": "Seconds after which there should be room.",
        "RateLimit-Policy": 'The limits, such as `"requests";q=100;w=60`, where one is reached.',
        "RateLimit": 'How they stand, such as `"requests";r=0;t=12`.',
    },
    "503": {"Retry-After": "Seconds after which to try again."},
}

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A device's token. Pairing gives one, `darkroom token create` makes one.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "Any user name, and the token as the password.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "darkroom",
        "description": "A browser's session; what changes something needs X-Darkroom-Request too.",
    },
}
"""How a caller says who it is. On the machine itself none is needed."""

EVENT_STREAM = "text/event-stream"

UPLOAD = "application/offset+octet-stream"
"""A part of a file, as tus has it."""

ADDITION_EVENTS = ("AdditionStatusEvent", "AdditionProgressEvent", "AdditionDoneEvent")
EVENTS = (
    *("StatusEvent", "ProgressEvent", "PreviewEvent", "TraceEvent"),
    *("OutputEventView", "DoneEventView"),
)
"""The models of what an event stream's `data` can be."""

EXAMPLES: dict[str, Any] = {
    "just a prompt": {"value": {"prompt": "red apple"}},
    "every choice made": {
        "value": {
            "kind": "text-to-image",
            "prompt": "red apple",
            "negative_prompt": "green",
            "width": 64,
            "height": 64,
            "steps": 20,
            "guidance_scale": 5.0,
            "seed": 7,
            "sampler": "dpmpp_2m",
            "schedule": "karras",
            "count": 2,
            "priority": "normal",
            "metadata": {"app": "kitchen"},
        }
    },
}

View = TypeVar("View", bound=Callable[..., Any])


class Parameters(BaseModel):
    """What a view takes as `header` or `query`.

    The library asks such a model for its JSON schema at each request, only to see which fields are
    lists, and pydantic builds it each time: a third of what a short GET costs. A model does not
    change, so it is built once.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The JSON schema of this model, for reading only."""
        return _built(super().model_json_schema, *args, **kwargs)


@cache
def _built(build: Callable[..., dict[str, Any]], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return build(*args, **kwargs)


class Routes:
    """The routes of one noun, each documented with everything that it may answer."""

    def __init__(self, noun: str, description: str) -> None:
        self.blueprint = APIBlueprint(
            noun,
            f"server.routes.{noun}",
            url_prefix=PREFIX,
            abp_tags=[Tag(name=noun, description=description)],
            operation_id_callback=_operation_id,
        )

    def get(
        self, rule: str, answers: ResponseDict, problems: Iterable[int] = ()
    ) -> Callable[[View], View]:
        """Register a view for GET and HEAD."""
        return self._route("get", rule, answers, problems)

    def post(
        self, rule: str, answers: ResponseDict, problems: Iterable[int] = ()
    ) -> Callable[[View], View]:
        """Register a view for POST."""
        return self._route("post", rule, answers, problems)

    def put(
        self, rule: str, answers: ResponseDict, problems: Iterable[int] = ()
    ) -> Callable[[View], View]:
        """Register a view for PUT."""
        return self._route("put", rule, answers, problems)

    def patch(
        self, rule: str, answers: ResponseDict, problems: Iterable[int] = ()
    ) -> Callable[[View], View]:
        """Register a view for PATCH."""
        return self._route("patch", rule, answers, problems)

    def delete(
        self, rule: str, answers: ResponseDict, problems: Iterable[int] = ()
    ) -> Callable[[View], View]:
        """Register a view for DELETE."""
        return self._route("delete", rule, answers, problems)

    def describe(self, *models: type[BaseModel]) -> None:
        """Put models into the document that no route takes or returns as they are."""
        for model in models:
            schema = model.model_json_schema(mode="serialization", ref_template=REFERENCE)
            every = {model.__name__: schema, **schema.pop("$defs", {})}
            schemas = {name: Schema(**each) for name, each in every.items()}
            cast("Any", self.blueprint).components_schemas.update(schemas)

    def _route(
        self, verb: str, rule: str, answers: ResponseDict, problems: Iterable[int]
    ) -> Callable[[View], View]:
        responses: ResponseDict = {**answers, **{status: problem(status) for status in problems}}
        register = getattr(self.blueprint, verb)
        return cast("Callable[[View], View]", register(rule, responses=responses))


@cache
def server_version() -> str:
    """The version that is installed, which is looked up once: it takes a millisecond."""
    try:
        return version("darkroom")
    except PackageNotFoundError:
        return "0+unknown"  # run from a source tree that was not installed


def _operation_id(*, name: str, path: str, method: str) -> str:
    """The view's name, which generated clients make their function's name of."""
    return name


def problem(status: int) -> dict[str, Any]:
    """How the document describes an error answer."""
    schema = reference("Problem")
    return {
        "description": PROBLEMS[status],
        "content": {"application/problem+json": {"schema": schema}},
    }


def reference(name: str) -> dict[str, str]:
    """A schema that is described elsewhere in the document."""
    return {"$ref": REFERENCE.format(model=name)}


def content(description: str, *types: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """How the document describes an answer that is not JSON."""
    each = {"schema": {"type": "string"} if schema is None else schema}
    return {"description": description, "content": dict.fromkeys(types, each)}


def answer(model: BaseModel) -> dict[str, Any]:
    """A model as a view returns it."""
    return model.model_dump(mode="json")


def response(model: BaseModel, status: int, headers: dict[str, str] | None = None) -> Response:
    """A model as a view returns it that has more to say: another status, headers, a cookie."""
    return Response(model.model_dump_json(), status, headers, content_type="application/json")


def init_app(app: OpenAPI, public: Container[str]) -> None:
    """Write the document once all routes are there; those of `public` endpoints need no token."""
    app.openapi_version = "3.1.0"
    document = deepcopy(cast("dict[str, Any]", cast("Any", app).api_doc))
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    document["security"] = [{name: []} for name in SECURITY_SCHEMES]
    for path in document["paths"].values():
        for method, operation in path.items():
            _finish_description(operation)
            _finish_parameters(operation)
            _finish_security(method, operation, public)
            is_addition = operation["tags"][0] == "additions"
            _finish_responses(operation["responses"], ADDITION_EVENTS if is_addition else EVENTS)
    create = document["paths"][f"{PREFIX}/jobs"]["post"]
    content = create["requestBody"]["content"]
    content["application/json"]["examples"] = EXAMPLES
    content["multipart/form-data"] = _multipart(document)
    pictures: dict[str, Any] = {f"image/{name}": {"schema": {}} for name in ("png", "jpeg", "webp")}
    content |= pictures
    taking = [document["paths"][f"{PREFIX}/recipes"]["post"]]
    for below in ("models/{model}", "models/add-ons/{kind}/{add_on}"):
        taking.append(document["paths"][f"{PREFIX}/{below}/preview"]["put"])
    for each in taking:
        each["requestBody"] = {"content": pictures, "required": True}
    send = document["paths"][f"{PREFIX}/models/uploads/{{upload_id}}"]["patch"]
    send["requestBody"] = {"content": {UPLOAD: {"schema": {}}}, "required": True}
    app.extensions[DOCUMENT] = document


def document_of(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of an application."""
    return cast("dict[str, Any]", app.extensions[DOCUMENT])


def _finish_description(operation: dict[str, Any]) -> None:
    text = cast("str", operation.get("description", ""))
    operation["description"] = text.replace("<br/>", "\n").strip()


def _finish_parameters(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        # A parameter that is left out is null to the view; nobody can send a null.
        kinds = parameter["schema"].pop("anyOf", [])
        for kind in kinds:
            if kind.get("type") != "null":
                parameter["schema"].update(kind)


def _finish_security(method: str, operation: dict[str, Any], public: Container[str]) -> None:
    if f"{operation['tags'][0]}.{operation['operationId']}" in public:
        operation["security"] = []
        return
    # Whose token it is, Redis knows; a session that changes something has to show its page.
    more = [401, 429, 503] if method == "get" else [401, 403, 429, 503]
    answers = operation["responses"] | {str(status): problem(status) for status in more}
    operation["responses"] = dict(sorted(answers.items()))


def _finish_responses(responses: dict[str, Any], events: Iterable[str]) -> None:
    # The library documents a validation error for every route, those without input included.
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
    for status, response in responses.items():
        response.setdefault("description", HTTPStatus(int(status)).phrase)
        if EVENT_STREAM in response.get("content", {}):
            response["content"][EVENT_STREAM]["schema"] = _event_schema(events)
        for name, description in HEADERS.get(status, {}).items():
            header = {"description": description, "schema": {"type": "string"}}
            response.setdefault("headers", {})[name] = header


def _multipart(document: dict[str, Any]) -> dict[str, Any]:
    """The same request as parts: files for its pictures, and `request` for all else as JSON."""
    whole = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": reference("GenerationRequest"),
        "description": "The fields as JSON. Each may also come as a part of its own, which goes "
        "before: texts as they are, all else as JSON.",
    }
    request = document["components"]["schemas"]["GenerationRequest"]["properties"]
    files = {name: request[name]["description"] for name in ("image", "mask")}
    files |= {f"control_{index}": f"The picture of `controls[{index}]`." for index in range(4)}
    files |= {f"reference_{index}": f"The picture of `references[{index}]`." for index in range(9)}
    files |= {f"region_{index}": f"The mask of `regions[{index}]`." for index in range(8)}
    parts = {
        name: {"description": description, "contentMediaType": "application/octet-stream"}
        for name, description in files.items()
    }
    return {
        "schema": {"type": "object", "properties": {"request": whole, **parts}},
        "encoding": {"request": {"contentType": "application/json"}}
        | {name: {"contentType": "image/*"} for name in parts},
    }


def _event_schema(events: Iterable[str]) -> dict[str, Any]:
    """One event: OpenAPI 3.1 has no word for streams, and the library drops this schema's words."""
    text = {"type": "string"}
    data = {
        **text,
        "contentMediaType": "application/json",
        "contentSchema": {"oneOf": [reference(name) for name in events]},
    }
    properties = {"id": text, "event": text, "data": data, "retry": {"type": "integer"}}
    return {"type": "object", "properties": properties}
