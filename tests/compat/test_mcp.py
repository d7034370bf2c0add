"""The tools of `darkroom mcp`, used by the protocol's own client against a running server."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import secrets
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from PIL import Image

from tests.running.addresses import free_port
from tests.running.paths import REPOSITORY
from tests.running.processes.program import Program
from tests.running.waiting import until

Use = Callable[[Client], Coroutine[Any, Any, None]]

QUICK = {"prompt": "red apple, 3d", "steps": 3, "seed": 7}

BOTH = pytest.mark.parametrize("run", ["stdio", "http"], indirect=True)


@pytest.fixture(scope="module")
def by_http(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the tools are served by HTTP."""
    data, port = tmp_path_factory.mktemp("mcp"), free_port()
    log = data / "mcp.log"
    arguments = ["mcp", "--url", address, "--port", str(port)]
    program = Program("darkroom", *arguments, log=log, environment={"DATA": str(data)})
    until(lambda: "running on" in log.read_text(), 60)
    yield f"http://127.0.0.1:{port}/mcp"
    program.kill()


def started(address: str, data: Path) -> StdioServerParameters:
    """How an assistant starts the tools itself."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "darkroom", "mcp", "--url", address],
        env={"PYTHONPATH": str(REPOSITORY), "DATA": str(data)},
    )


@pytest.fixture
def run(request: pytest.FixtureRequest, address: str, tmp_path: Path) -> Callable[[Use], None]:
    """Runs something with a client: by HTTP, or by the transport that the test is told."""
    stdio = getattr(request, "param", "http") == "stdio"
    where: Any = started(address, tmp_path) if stdio else request.getfixturevalue("by_http")

    def run(use: Use) -> None:
        async def main() -> None:
            async with Client(where, read_timeout_seconds=120) as client:
                await use(client)

        asyncio.run(main())

    return run


def picture_of(result: Any) -> tuple[dict[str, Any], Image.Image]:
    assert not result.is_error, result.content
    said, image = result.content
    return json.loads(said.text), Image.open(io.BytesIO(base64.b64decode(image.data)))


@pytest.mark.parametrize(
    "run", ["stdio", pytest.param("http", marks=pytest.mark.slow)], indirect=True
)
def test_an_assistant_makes_changes_and_enlarges_a_picture(run: Callable[[Use], None]):
    async def use(client: Client) -> None:
        tools = {each.name for each in (await client.list_tools()).tools}
        assert tools == {"generate", "edit", "upscale", "list_models"}
        listed = await client.call_tool("list_models")
        models = json.loads(listed.content[0].text)
        assert [each["default"] for each in models].count(True) == 1
        heard: list[float] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            heard.append(done)

        made = await client.call_tool("generate", QUICK, progress_callback=progress)
        said, picture = picture_of(made)
        assert picture.size == (models[0]["width"], models[0]["height"])
        assert said["pictures"][0]["seed"] == 7
        assert heard == sorted(heard)
        earlier = said["pictures"][0]["id"]
        edited = await client.call_tool("edit", QUICK | {"image": earlier, "strength": 0.5})
        assert picture_of(edited)[1].size == picture.size
        larger = await client.call_tool("upscale", {"image": earlier, "scale": 1.5})
        assert picture_of(larger)[1].width == picture.width * 1.5

    run(use)


def test_a_refusal_reaches_the_assistant_with_its_reason(run: Callable[[Use], None]):
    async def use(client: Client) -> None:
        refused = await client.call_tool("generate", QUICK | {"model": "nope"})
        assert refused.is_error
        assert "no model is named 'nope'" in refused.content[0].text
        unknown = await client.call_tool("generate", QUICK | {"loras": ["ink"]})
        assert unknown.is_error
        assert "loras: generate does not take that; it takes prompt," in unknown.content[0].text

    run(use)


@BOTH
def test_what_the_assistant_gives_up_is_canceled(run: Callable[[Use], None], address: str):
    def newest() -> dict[str, Any]:
        jobs = httpx.get(f"{address}/api/v1/jobs?limit=1").json()["jobs"]
        return jobs[0] if jobs else {"input": {"prompt": ""}}

    async def use(client: Client) -> None:
        # Words that no earlier job has, so that this one is there before it is given up.
        words = f"given up {secrets.token_hex(4)}"
        long = {"prompt": words, "steps": 150, "count": 4}
        call = asyncio.create_task(client.call_tool("generate", long))
        await eventually(lambda: newest()["input"]["prompt"] == words)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await eventually(lambda: newest()["status"] == "canceled")

    run(use)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.1)


def test_only_files_are_read_for_the_assistant(run: Callable[[Use], None], tmp_path: Path):
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(200_000_000)
    refused = {
        "/dev/zero": "'/dev/zero' is no file",
        str(tmp_path): "is no file",
        "/nowhere/at all.png": "there is no file '/nowhere/at all.png'",
        "nul\0byte": "there is no file",
        "http://127.0.0.1/a.png": "is not fetched",
        str(huge): "must have at most",
    }

    async def use(client: Client) -> None:
        for image, said in refused.items():
            asked = {"image": image, "prompt": "red apple"}
            for tool in ("edit", "upscale"):
                answer = await client.call_tool(tool, asked)
                assert answer.is_error
                assert said in answer.content[0].text
        masked = {"image": "/nowhere.png", "mask": "/dev/zero", "prompt": "red apple"}
        assert (await client.call_tool("edit", masked)).is_error

    run(use)
