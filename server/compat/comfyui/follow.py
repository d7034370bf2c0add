"""The WebSocket by which a client follows its prompts: one of the seats of event streams."""

from __future__ import annotations

import logging
import uuid
from typing import Any, cast

from flask import Blueprint, Response, request
from pydantic_core import from_json
from redis.exceptions import RedisError

from jobs.records.events import DoneEvent, StatusEvent, owner_stream
from server.compat.comfyui.catalogue import FEATURES
from server.compat.comfyui.messages import Messages, feature_flags
from server.compat.comfyui.prompt import MAX_CLIENT_ID
from server.compat.comfyui.prompts import Prompts, current_prompts
from server.door.auth import caller
from server.errors import Unavailable
from server.streams.following import news
from server.streams.hub import Hub, current_hub
from server.streams.websocket import GOING_AWAY, Upgrade, WebSocket

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds after which a client that is told nothing is looked at: it may have left, or pinged."""


blueprint = Blueprint("comfyui_follow", __name__)


@blueprint.get("/ws")
@blueprint.get("/ws", websocket=True)
def follow() -> Response:
    """Follow the caller's prompts: those of `clientId`, and those that name no client."""
    hub, who, prompts = current_hub(), caller(), current_prompts()
    client_id = request.args.get("clientId", "")[:MAX_CLIENT_ID] or uuid.uuid4().hex

    def serve(socket: WebSocket) -> None:
        try:
            _Follower(hub, prompts, client_id, who.device_id).serve(socket)
        except RedisError as error:
            log.warning("A socket ends, its client will come back: %s", error)
        socket.close(GOING_AWAY)

    answer = Upgrade(serve)
    if not hub.take_seat(who.account):
        raise Unavailable("too-many-streams", hub.why_no_seat(who.account))
    answer.call_on_close(lambda: hub.give_seat_back(who.account))
    return answer


class _Follower:
    """Tells one client what happens."""

    def __init__(self, hub: Hub, prompts: Prompts, client_id: str, device: str | None) -> None:
        self._hub = hub
        self._prompts = prompts
        self._client_id = client_id
        self._device = device
        self._messages = Messages(prompts.redis, prompts, client_id)

    def serve(self, socket: WebSocket) -> None:
        """Until the client leaves, or the server does. Raises Gone."""
        owner = self._prompts.owner
        with self._hub.subscribe(owner_stream(owner), owner, device=self._device) as (events, last):
            self._greet(socket)
            for item in news(events, last, self._hub.leaving, tick=TICK):
                for text in socket.attend():
                    _answer(socket, text)
                if events.overrun or events.revoked:
                    return
                if item is None:
                    continue
                record = getattr(item, "record", None)
                for message in self._messages.of(item.event, record):
                    socket.send(message)
                if isinstance(item.event, (StatusEvent, DoneEvent)):
                    socket.send(self._messages.status(self._prompts.remaining()))

    def _greet(self, socket: WebSocket) -> None:
        socket.send(self._messages.status(self._prompts.remaining(), sid=self._client_id))
        for prompt, record in self._prompts.unended():
            if record.status == "running":
                for message in self._messages.running(prompt, record):
                    socket.send(message)


def _answer(socket: WebSocket, text: str) -> None:
    """Answer what a client says of itself; nothing else that it may say has an effect."""
    try:
        said: object = from_json(text)
    except ValueError:
        return
    if isinstance(said, dict) and cast("dict[str, Any]", said).get("type") == "feature_flags":
        socket.send(feature_flags(FEATURES))
