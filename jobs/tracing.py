"""Traces by OpenTelemetry: a job's way from the request through the queue to the picture store.

Needs the extra `otel`, and an OTEL_EXPORTER_OTLP_ENDPOINT; the other standard OTEL_* variables
count as well. Without them nothing is imported, and whatever is asked here does nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""One of these says where traces go, by OTLP over HTTP."""

PARENT = "traceparent"
"""The field of W3C's trace context by which a trace goes on elsewhere."""

FAREWELL = 2.0
"""Seconds that a process which ends waits for its last spans to be taken."""

Value = str | bool | int | float


class Work:
    """Something that takes time, as its span shows it; nothing where nothing is traced."""

    def __init__(self, span: Span | None = None, tracer: Tracer | None = None) -> None:
        self._span = span
        self._tracer = tracer

    @property
    def carrier(self) -> str | None:
        """What makes work of another process a part of this: a `traceparent`."""
        if self._span is None:
            return None
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        fields: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(fields, _within(self._span))
        return fields.get(PARENT)

    @contextmanager
    def part(self, name: str, **attributes: Value) -> Generator[Work]:
        """A part of it, which lasts as long as the block; an exception ends it as an error."""
        if self._span is None or self._tracer is None:
            yield self
            return
        span = self._tracer.start_span(name, _within(self._span), attributes=_fields(attributes))
        try:
            yield Work(span, self._tracer)
        except Exception as error:
            span.record_exception(error)
            _mark(span, str(error))
            raise
        finally:
            span.end()

    def was(self, name: str, seconds: float, **attributes: Value) -> None:
        """A part of it that took so long and ends now."""
        if self._span is None or self._tracer is None:
            return
        began = time.time_ns() - int(max(0.0, seconds) * 1e9)
        fields = _fields(attributes)
        self._tracer.start_span(
            name, _within(self._span), attributes=fields, start_time=began
        ).end()

    def end(self, error: str | None = None, **attributes: Value) -> None:
        """It is over, by an error or well. What comes after the first end is not counted."""
        if self._span is None:
            return
        self._span.set_attributes(_fields(attributes))
        if error:
            _mark(self._span, error)
        self._span.end()


NOTHING = Work()
"""What is not traced."""


class _Sender:
    """The spans of this process on their way."""

    provider: TracerProvider | None = None
    tracer: Tracer | None = None


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the OTEL_* variables ask for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    return any(environment.get(name) for name in ENDPOINTS)


def is_on() -> bool:
    """Whether this process sends traces."""
    return _Sender.tracer is not None


def set_up(process: str) -> None:
    """Send this process's spans where the OTEL_* variables say, if they say so.

    To be called after the last fork. `process` is what the service is called, as `darkroom-api`,
    where OTEL_SERVICE_NAME does not call it otherwise.
    """
    if not is_wanted():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning("Traces are asked for, but not sent: pip install 'darkroom[otel]' (%s)", error)
        return
    named = Resource.create({SERVICE_NAME: f"darkroom-{process}"})
    own = os.environ.get("OTEL_SERVICE_NAME")
    provider = TracerProvider(
        resource=named.merge(Resource({SERVICE_NAME: own})) if own else named,
        # Ours ends it, and waits for nobody for long.
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _Sender.provider, _Sender.tracer = provider, provider.get_tracer("darkroom")


def shut_down() -> None:
    """Send what is left; whoever does not take it in FAREWELL seconds does without."""
    if _Sender.provider is not None:
        last = threading.Thread(target=_Sender.provider.shutdown, daemon=True)
        last.start()
        last.join(FAREWELL)


def begin(
    name: str,
    carrier: str | None = None,
    *,
    since: float | None = None,
    answers: bool = False,
    **attributes: Value,
) -> Work:
    """Work that begins now, or began `since` (in seconds since the epoch), to be ended.

    `carrier` is what it is a part of; without one it begins a trace. `answers` says that it serves
    a request.
    """
    if _Sender.tracer is None:
        return NOTHING
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    fields = {PARENT: carrier} if carrier else {}
    span = _Sender.tracer.start_span(
        name,
        TraceContextTextMapPropagator().extract(fields),
        kind=SpanKind.SERVER if answers else SpanKind.CONSUMER,
        attributes=_fields(attributes),
        start_time=None if since is None else int(since * 1e9),
    )
    return Work(span, _Sender.tracer)


def _within(span: Span) -> Context:
    from opentelemetry.trace import set_span_in_context

    return set_span_in_context(span)


def _mark(span: Span, error: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, error))


def _fields(attributes: Mapping[str, Value]) -> dict[str, Value]:
    # Names of attributes have dots, which those of arguments cannot have.
    return {name.replace("__", "."): value for name, value in attributes.items()}
