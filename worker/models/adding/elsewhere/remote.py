"""Reading from where models come from, with what goes wrong there as a sentence for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import unquote, urlsplit

import huggingface_hub

from jobs.outbound.fetching import Answer, Elsewhere, fetched, origin_of
from jobs.outbound.sending import Unreachable
from jobs.outbound.targets import Allowed, Refused, Unresolved
from jobs.sentences import Sentence, say
from worker.models.adding.plan import NotAddable

CHUNK = 1 << 20


@dataclass(frozen=True)
class Places:
    """Where hub and Civitai are, what may be read from elsewhere, and whether it is allowed."""

    hub: str
    civitai: str
    elsewhere: Elsewhere
    switched_on: bool = True

    @classmethod
    def of(
        cls,
        hub: str,
        civitai: str,
        civitai_token: str | None,
        allow: tuple[str, ...],
        *,
        switched_on: bool,
    ) -> Places:
        """As the settings say; the token of the hub is where its own library looks for it."""
        tokens: dict[str, str] = {}
        if token := huggingface_hub.get_token():
            tokens[origin_of(hub)] = f"Bearer {token}"
        if civitai_token:
            tokens[origin_of(civitai)] = f"Bearer {civitai_token}"
        allowed = Allowed.parse(allow, "DOWNLOAD_ALLOW")
        trusted = frozenset((origin_of(hub), origin_of(civitai)))
        return cls(
            hub.rstrip("/"), civitai.rstrip("/"), Elsewhere(allowed, trusted, tokens), switched_on
        )


@contextmanager
def read_from(url: str, places: Places, headers: dict[str, str] | None = None) -> Iterator[Answer]:
    """The answer of a source, one that is fine. Raises NotAddable with the reason for any other."""
    if not places.switched_on:
        raise NotAddable(
            say("switched-off", "adding from elsewhere is switched off on this server"), away=True
        )
    host = urlsplit(url).hostname or "it"
    try:
        with fetched(url, places.elsewhere, headers) as answer:
            _refuse_bad(answer, host, places)
            yield answer
    except Unresolved as error:
        # Where the operator's own choice is not found, it is the network that is away.
        away = origin_of(url) in places.elsewhere.trusted
        raise NotAddable(str(error), away=away) from None
    except Refused as error:
        said = str(error)
        raise NotAddable(said if isinstance(said, Sentence) else f"the link {said}") from None
    except Unreachable as error:
        raise NotAddable(
            say("unreadable", "{host} cannot be read: {why}", host=host, why=str(error)), away=True
        ) from None


def json_from(url: str, places: Places) -> tuple[Any, Answer]:
    """What a source's JSON says, and the head of the answer. Raises NotAddable."""
    with read_from(url, places) as answer:
        return answer.json(), answer


def start_of(url: str, places: Places, size: int) -> tuple[bytes, int | None, str | None]:
    """The first bytes of a file, how many it has in all, and the name that it is sent under.

    Raises NotAddable.
    """
    with read_from(url, places, {"Range": f"bytes=0-{size - 1}"}) as answer:
        data = bytearray()
        while len(data) < size and (more := answer.read(size - len(data))):
            data += more
        return bytes(data[:size]), total_of(answer), sent_name(answer)


def total_of(answer: Answer) -> int | None:
    """How many bytes a file has of which this is an answer; None where it does not say."""
    if answer.status == 206:
        found = re.fullmatch(r"bytes \d+-\d+/(\d+)", answer.header("Content-Range") or "")
        return int(found[1]) if found else None
    length = answer.header("Content-Length") or ""
    return int(length) if length.isdigit() else None


def sent_name(answer: Answer) -> str | None:
    """The name of the file in an answer: what its head says, else the last part of its path."""
    head = Message()
    head["Content-Disposition"] = answer.header("Content-Disposition") or ""
    name = head.get_filename()
    if not name:
        name = unquote(urlsplit(answer.url).path)
    return re.split(r"[/\\]", name.strip())[-1] or None


def _refuse_bad(answer: Answer, host: str, places: Places) -> None:
    status = answer.status
    if status in (200, 206):
        return
    is_hub = origin_of(answer.url) == origin_of(places.hub)
    if status in (401, 403):
        if is_hub or host in urlsplit(places.hub).netloc:
            raise NotAddable(
                say(
                    "hub-terms",
                    "the hub shows it only to those who accepted its terms: accept them on the hub,"
                    " and put an access token into HF_TOKEN",
                )
            )
        if host == urlsplit(places.civitai).hostname:
            raise NotAddable(
                say(
                    "civitai-account",
                    "Civitai gives it only to accounts: put an API key of one into CIVITAI_TOKEN",
                )
            )
        raise NotAddable(
            say(
                "refused-there",
                "{host} does not give it to us: it answers {status}",
                host=host,
                status=status,
            )
        )
    if status in (404, 410):
        raise NotAddable(say("no-such-file", "{host} has no such file", host=host))
    if status == 416:
        raise NotAddable(f"{host} has less of it than is here already")
    raise NotAddable(
        say("answers", "{host} answers {status}", host=host, status=status),
        away=status >= 500 or status == 429,
    )
