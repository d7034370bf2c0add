"""The tools: each is a job of the server, waited for, whose progress the assistant is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import httpx
from darkroom_client import AsyncDarkroom, DarkroomError, Fields, Job, Progress, strangers
from darkroom_client.calls import IMAGE_ID
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, InputRequiredResult
from pydantic import Field

from darkroom.network import tls
from jobs.settings import settings

INSTRUCTIONS = (
    "Makes pictures on a Darkroom server. A picture of an answer has an id, which `edit` and "
    "`upscale` take as `image`; they take a file's path and a data URI as well."
)

MAX_FILE = 128 * 1024 * 1024
"""Bytes of a file that is read: no server takes more, and most take much less."""

FAREWELL = 5.0
"""Seconds in which a job that was given up must be canceled."""

DRAWN_OVER = 0.6
"""The strength of a change where the assistant does not say."""

Answer = list[str | Image]
"""What was made as JSON, and then each picture."""

Prompt = Annotated[str, Field(description="What to draw.")]
Negative = Annotated[str, Field(description="What to keep out of the picture.")]
Model = Annotated[str | None, Field(description="A name that `list_models` says.")]
Side = Annotated[int | None, Field(description="In pixels; the model's own if left out.")]
Steps = Annotated[int | None, Field(description="Denoising steps; the model's own if left out.")]
Seed = Annotated[int | None, Field(description="The same seed makes the same picture.")]
Picture = Annotated[str, Field(description="The id of an earlier picture, a path, or a data URI.")]
Strength = Annotated[float, Field(ge=0, le=1, description="0 is the picture itself, 1 forgets it.")]


@dataclass(frozen=True)
class Studio:
    """What the tools work with: the server, by the client that everybody has."""

    darkroom: AsyncDarkroom

    async def make(self, context: Context[Studio], prompt: str, fields: dict[str, Any]) -> Answer:
        """The pictures of a job once it has ended. Raises ToolError with the server's reason."""
        given = {name: value for name, value in fields.items() if value is not None}
        pictures = [given[name] for name in ("image", "mask") if name in given]
        for picture in [*pictures, *given.get("references", ())]:
            _check_picture(picture)
        try:
            job = await self.darkroom.submit(prompt, **_fields(given))
            async with self._canceled_if_given_up(job):
                async for event in self.darkroom.events(job):
                    if isinstance(event, Progress):
                        said = event.detail or event.stage
                        await context.report_progress(event.fraction, 1.0, said)
                job = await self.darkroom.wait(job)
            loaded = [await self.darkroom.load(picture) for picture in job.outputs]
        except (DarkroomError, OSError, httpx.HTTPError) as error:
            raise ToolError(str(error) or type(error).__name__) from error
        return [_said(job), *(Image(data=picture.data, format="png") for picture in loaded)]

    async def edits(self, model: str | None) -> bool:
        """Whether a model, the default one for None, edits by words. Raises ToolError."""
        try:
            models = await self.darkroom.models()
        except (DarkroomError, OSError, httpx.HTTPError) as error:
            raise ToolError(str(error) or type(error).__name__) from error
        named = [each for each in models if (each.name == model if model else each.default)]
        return any("edit" in each.kinds for each in named or models[:1])

    @asynccontextmanager
    async def _canceled_if_given_up(self, job: Job) -> AsyncIterator[None]:
        """Cancels the job when the assistant gives the call up: nobody would see what it makes."""
        try:
            yield
        except anyio.get_cancelled_exc_class():
            with (
                anyio.move_on_after(FAREWELL, shield=True),
                suppress(DarkroomError, httpx.HTTPError),
            ):
                await self.darkroom.cancel(job)
            raise


class Tools(MCPServer[Studio]):
    """Tools that pass nothing over: MCP's own leave out what no parameter is for."""

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Context[Studio, Any] | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """As MCPServer does. Raises ToolError for arguments that the tool has not."""
        for tool in await self.list_tools():
            taken = tool.input_schema.get("properties", {})
            unknown = [each[:100] for each in arguments if each not in taken]
            if tool.name == name and unknown:
                known = ", ".join(taken) or "none"
                raise ToolError(
                    f"{', '.join(unknown)}: {name} does not take that; it takes {known}"
                )
        return await super().call_tool(name, arguments, context)


def server(url: str) -> MCPServer[Studio]:
    """The tools of the Darkroom at `url`, to be run on either transport."""

    @asynccontextmanager
    async def studio(_server: MCPServer[Studio]) -> AsyncIterator[Studio]:
        async with AsyncExitStack() as stack:
            trusted = tls.trusting(settings().tls_folder)
            darkroom = await stack.enter_async_context(AsyncDarkroom(url, verify=trusted))
            yield Studio(darkroom)

    tools = Tools("darkroom", title="Darkroom", instructions=INSTRUCTIONS, lifespan=studio)

    @tools.tool()
    async def generate(
        context: Context[Studio],
        prompt: Prompt,
        negative_prompt: Negative = "",
        model: Model = None,
        width: Side = None,
        height: Side = None,
        steps: Steps = None,
        seed: Seed = None,
        count: Annotated[int, Field(ge=1, le=4)] = 1,
    ) -> Answer:
        """Make pictures from a prompt, and wait until they are there."""
        fields = {
            "negative_prompt": negative_prompt,
            "model": model,
            "width": width,
            "height": height,
            "steps": steps,
            "seed": seed,
            "count": count,
        }
        return await _studio(context).make(context, prompt, fields)

    @tools.tool()
    async def edit(
        context: Context[Studio],
        image: Picture,
        prompt: Prompt,
        references: Annotated[
            list[str] | None,
            Field(
                description="More pictures that the prompt speaks of, where the model takes some."
            ),
        ] = None,
        strength: Annotated[
            float | None,
            Field(
                ge=0,
                le=1,
                description="0 is the picture itself, 1 forgets it; left out it is 0.6, and a model"
                " that edits by words does what the prompt says to do.",
            ),
        ] = None,
        mask: Annotated[
            str | None, Field(description="White is repainted, the rest kept. As `image`.")
        ] = None,
        negative_prompt: Negative = "",
        model: Model = None,
        steps: Steps = None,
        seed: Seed = None,
    ) -> Answer:
        """Change a picture after a prompt: all of it, or with a mask what is white there. A model
        whose `edit_pictures` are more than 0 is told what to do to it, any other what to draw."""
        by_words = not mask and strength is None and await _studio(context).edits(model)
        if references and not by_words:
            raise ToolError(
                "references: more pictures are for a model whose edit_pictures say so, without a"
                " mask and a strength; list_models shows them"
            )
        fields = {
            "kind": "inpaint" if mask else "edit" if by_words else "image-to-image",
            "image": image,
            "references": references,
            "mask": mask,
            "strength": None if by_words else DRAWN_OVER if strength is None else strength,
            "negative_prompt": negative_prompt,
            "model": model,
            "steps": steps,
            "seed": seed,
        }
        return await _studio(context).make(context, prompt, fields)

    @tools.tool()
    async def upscale(
        context: Context[Studio],
        image: Picture,
        scale: Annotated[float, Field(ge=1, le=8)] = 2.0,
        upscaler: Annotated[
            str | None, Field(description="`lanczos`, `nearest`, or one of `list_models`.")
        ] = None,
        strength: Strength = 0.0,
        prompt: Annotated[str, Field(description="What to draw into it, with a strength.")] = "",
    ) -> Answer:
        """Enlarge a picture; with a strength, detail is drawn into it."""
        fields = {
            "kind": "upscale",
            "image": image,
            "scale": scale,
            "upscaler": upscaler,
            "strength": strength,
        }
        return await _studio(context).make(context, prompt, fields)

    @tools.tool()
    async def list_models(context: Context[Studio]) -> str:
        """The models of the server with their sizes, steps, LoRAs, ControlNets and upscalers."""
        try:
            models = await _studio(context).darkroom.models()
        except (DarkroomError, OSError, httpx.HTTPError) as error:
            raise ToolError(str(error) or type(error).__name__) from error
        return json.dumps(
            [
                {
                    "name": each.name,
                    "title": each.title,
                    "description": each.description,
                    "default": each.default,
                    "kinds": each.kinds,
                    "edit_pictures": each.edit_pictures,
                    "width": each.width,
                    "height": each.height,
                    "steps": each.steps,
                    "loras": [add_on.name for add_on in each.loras],
                    "controlnets": [add_on.name for add_on in each.controlnets],
                    "upscalers": [add_on.name for add_on in each.upscalers],
                }
                for each in models
            ],
            ensure_ascii=False,
        )

    return tools


Transport = Literal["stdio", "streamable-http"]


def serve(url: str, port: int | None) -> None:
    """Serve the tools until the assistant leaves: on stdin and stdout, or on a port of loopback."""
    if port is None:
        server(url).run("stdio")
    else:
        # It has no door of its own, so that it opens none: other machines start it by themselves.
        server(url).run("streamable-http", host="127.0.0.1", port=port)


def _studio(context: Context[Studio]) -> Studio:
    return context.request_context.lifespan_context


def _check_picture(given: str) -> None:
    """Lets through what the client may read. Raises ToolError: an assistant may send anything."""
    if given.startswith("data:") or IMAGE_ID.fullmatch(given):
        return
    if given.lower().startswith(("http://", "https://")):
        raise ToolError("a URL is not fetched; give the path of a file, an id, or a data URI")
    path = Path(given)
    if not path.is_file():
        there = given and path.exists()
        raise ToolError(f"{given!r} is no file" if there else f"there is no file {given[:200]!r}")
    if (size := path.stat().st_size) > MAX_FILE:
        raise ToolError(f"{given!r} must have at most {MAX_FILE} bytes; it has {size}")


def _fields(given: dict[str, Any]) -> Fields:
    return given  # pyright: ignore[reportReturnType] made of the tools' own parameters


def _said(job: Job) -> str:
    """What was made, for the assistant to go on from."""
    pictures = [
        {"id": each.id, "width": each.width, "height": each.height, "seed": each.seed}
        for each in job.outputs
    ]
    notes = [f"{note.pointer[1:]}: {note.detail}" for note in job.notes]
    if unknown := strangers(job):
        notes.append(unknown)
    said = {"job": job.id, "model": job.input["model"], "pictures": pictures}
    return json.dumps(said | ({"notes": notes} if notes else {}))
