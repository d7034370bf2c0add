"""The application: everything that it is made of, in order."""

from __future__ import annotations

from flask_openapi.models.info import Info
from flask_openapi.openapi import OpenAPI

from jobs.request.checks import blocklist
from jobs.settings import settings
from server import compat, errors, looks, openapi, outages, resources, tracing
from server.door import auth, cors, headers, hosts, limiter, limits, path_tokens, proxies, signing
from server.pages import page, renditions
from server.requests import body, refusals
from server.routes import (
    events,
    images,
    jobs,
    masks,
    preprocessors,
    recipes,
    samplers,
    studies,
    styles,
    traces,
    wildcards,
)
from server.routes.collections import albums, archives, grids, presets
from server.routes.entry import devices, pairing, quotas, session
from server.routes.models import (
    addition_events,
    additions,
    catalogue,
    changes,
    lookups,
    previews,
    residence,
    uploads,
)
from server.routes.standing import docs, forecast, health, metrics, state
from server.streams import hub


def create_app(redis_url: str | None = None, image_store: str | None = None) -> OpenAPI:
    """The API as a WSGI application.

    Redis and the image store are those of the settings unless they are given here. Nothing is
    connected yet, so it starts where Redis is away and answers 503 until it comes.
    """
    app = OpenAPI(
        "server",
        info=Info(
            title="Darkroom", version=openapi.server_version(), description=openapi.DESCRIPTION
        ),
        validation_error_model=errors.Problem,
        validation_error_callback=refusals.refuse_invalid,
        doc_ui=False,
        static_folder=None,
        template_folder="pages/templates",
    )
    # A list that cannot be read must be known before the first prompt comes.
    blocklist.current()
    app.config["MAX_CONTENT_LENGTH"] = settings().max_body
    # A doubled slash is another path, not a redirect that a POST would lose its body on.
    app.url_map.merge_slashes = False

    resources.init_app(app, redis_url, image_store)
    hub.init_app(app, redis_url)
    for kept in (signing, renditions, limiter, looks):
        kept.init_app(app)
    for said in (errors, outages, refusals):
        said.init_app(app)
    tracing.init_app(app)
    # Who asks comes before what is asked: no body is read for a request that is refused.
    for step in (path_tokens, proxies, headers, hosts, cors, auth, limits, body):
        step.init_app(app)
    for part in (page, compat):
        part.init_app(app)

    for noun in (jobs, traces, recipes, events, images, grids, albums, presets, archives):
        app.register_api(noun.routes.blueprint)
    for noun in (
        catalogue,
        residence,
        lookups,
        additions,
        addition_events,
        uploads,
        changes,
        previews,
        preprocessors,
        masks,
        samplers,
        studies,
        styles,
        wildcards,
    ):
        app.register_api(noun.routes.blueprint)
    for noun in (pairing, session, devices, quotas, state, forecast, health, metrics, docs):
        app.register_api(noun.routes.blueprint)
    openapi.init_app(app, public=auth.PUBLIC)
    return app
