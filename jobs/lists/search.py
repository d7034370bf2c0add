"""The words of prompts, where a search finds them without reading the jobs.

For each owner and each stretch of time one string, a row a job: its id, its prompt folded for
comparison, and how long the row is. A search looks through these strings where they are, at the
speed of memory; so parts of words are found too, which an index of whole words would not do.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import cast

from redis import Redis
from redis.client import Pipeline

WORDS = "darkroom:words"
"""Hash: stretch and owner -> bytes of the string. One of all, and one of each owner."""

STRETCH = 6
"""Hex digits of an id that say in which stretch of time it is: 4.7 hours."""

ID, LENGTH = 32, 6

LOOK = 8 * 1024 * 1024
"""Bytes that one command looks through: about 10 ms of Redis."""

FIRST_LOOK = 64 * 1024
"""Bytes of the first command: most searches find a page of hits among the newest."""

LOOKS = 5
"""Commands a page; what is older is on the next."""

DIGITS, CAPITALS = "0123456789abcdef", "ABCDEFGHIJKLMNOP"
"""Ids and lengths are written in capitals, of which a folded prompt has none: no word of a search
is found in them."""

FIND = """
-- KEYS the strings, the newest first
-- ARGV[1] hits wanted, ARGV[2] the id before which, or nothing, ARGV[3...] words, the longest first
-- Stops between two stretches only, so that a page misses nothing of another owner's.
local hits, texts = {}, redis.call('MGET', unpack(KEYS))
for number = 1, #KEYS do
    local text, from = texts[number] or '', 1
    while true do
        local at = string.find(text, ARGV[3], from, true)
        if not at then break end
        local stop, length = string.find(text, '\\n', at, true), 0
        for place = stop - 6, stop - 1 do length = length * 16 + text:byte(place) - 65 end
        local row = text:sub(stop - length, stop - 1)
        local all = ARGV[2] == '' or row:sub(1, 32) < ARGV[2]
        for i = 4, #ARGV do all = all and string.find(row, ARGV[i], 1, true) end
        if all then hits[#hits + 1] = row:sub(1, 32) end
        from = stop + 1
    end
    local last = number == #KEYS or KEYS[number]:sub(-6) ~= KEYS[number + 1]:sub(-6)
    if last and #hits >= tonumber(ARGV[1]) then return {number, hits} end
end
return {#KEYS, hits}
"""

BLANK = """
-- KEYS[1] the string, KEYS[2] and KEYS[3] the hashes that know it
-- ARGV[1] id, ARGV[2] and ARGV[3] its fields there
local text = redis.call('GET', KEYS[1])
if not text then return 0 end
while true do
    local at = string.find(text, ARGV[1], 1, true)
    if not at then break end
    local stop = string.find(text, '\\n', at, true)
    local blank = string.rep('\\n', stop - at)
    redis.call('SETRANGE', KEYS[1], at - 1, blank)
    text = text:sub(1, at - 1) .. blank .. text:sub(stop)
end
if not string.find(text, '[^\\n]') then
    redis.call('DEL', KEYS[1])
    redis.call('HDEL', KEYS[2], ARGV[2])
    redis.call('HDEL', KEYS[3], ARGV[3])
end
return 1
"""


def folded(text: str) -> str:
    """The text as it is compared: keyboards write the same accents in more ways than one."""
    return unicodedata.normalize("NFC", text).casefold()


def add(pipe: Pipeline, owner: str, job_id: str, prompt: str) -> None:
    """Have an owner's job found by the words of its prompt."""
    text = folded(prompt).replace("\n", " ").encode()
    length = ID + len(text) + LENGTH
    row = b"%b%b%b\n" % (_capitals(job_id), text, _capitals(f"{length:0{LENGTH}x}"))
    stretch = job_id[:STRETCH]
    pipe.append(_key(stretch, owner), row)
    pipe.hincrby(WORDS, f"{stretch}:{owner}", len(row))
    pipe.hincrby(f"{WORDS}:{owner}", f"{stretch}:{owner}", len(row))


def remove(pipe: Pipeline, owner: str, job_id: str) -> None:
    """Forget the words of a job."""
    field = f"{job_id[:STRETCH]}:{owner}"
    keys = (_key(job_id[:STRETCH], owner), WORDS, f"{WORDS}:{owner}")
    pipe.eval(BLANK, len(keys), *keys, _capitals(job_id), field, field)


def find(
    connection: Redis, owner: str | None, words: Sequence[str], before: str | None, limit: int
) -> tuple[list[str], str | None]:
    """Ids before `before` of the jobs with all these folded words, the newest first: at least
    `limit` of them unless there are no more; and from where to go on, None at the end.

    Without an owner, everybody's.
    """
    known = cast("dict[bytes, bytes]", connection.hgetall(f"{WORDS}:{owner}" if owner else WORDS))
    sizes = {field.decode(): int(size) for field, size in known.items()}
    stretches = sorted(
        (each for each in sizes if not before or each[:STRETCH] <= before), reverse=True
    )
    first, *others = sorted(words, key=len, reverse=True)
    latest = _capitals(before) if before else b""
    found: list[str] = []
    done = 0
    for look, group in enumerate(_groups(stretches, sizes)):
        if look == LOOKS:
            break
        keys = [_key(*each.split(":")) for each in group]
        looked, hits = cast(
            "tuple[int, list[bytes]]",
            connection.eval(FIND, len(keys), *keys, limit - len(found), latest, first, *others),
        )
        found += [_small(hit) for hit in hits]
        done += looked
        if len(found) >= limit:
            break
    # Two workers may have taken up the same job of an earlier version at once.
    found = sorted(set(found), reverse=True)
    if done == len(stretches):
        return found, None
    return found, stretches[done][:STRETCH].ljust(ID, "f")


def _groups(stretches: Sequence[str], sizes: dict[str, int]) -> Iterator[list[str]]:
    """What is looked through in one command each: all owners of one stretch together."""
    group: list[str] = []
    most, size = FIRST_LOOK, 0
    for each in stretches:
        new = not group or group[-1][:STRETCH] != each[:STRETCH]
        if group and new and (size + sizes[each] > most or len(group) >= 2000):
            yield group
            group, size, most = [], 0, LOOK
        group.append(each)
        size += sizes[each]
    if group:
        yield group


def _key(stretch: str, owner: str) -> str:
    return f"{WORDS}:{owner}:{stretch}"


def _capitals(hexadecimal: str) -> bytes:
    return hexadecimal.translate(str.maketrans(DIGITS, CAPITALS)).encode()


def _small(capitals: bytes) -> str:
    return capitals.decode().translate(str.maketrans(CAPITALS, DIGITS))
