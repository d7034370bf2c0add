"""Commands that run all together, and only while a job is as expected: one command in all.

At its memory limit Redis refuses every command that could take more, and everything in MULTI. What
ends a job or removes it goes on working then (`run_if_still`): it is what makes room.
"""

from __future__ import annotations

from typing import Any, cast

from redis import Redis
from redis.client import Pipeline
from redis.typing import EncodableT

THERE = "redis.call('EXISTS', KEYS[1]) == tonumber(ARGV[1])"
STILL = "redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2]"

ROOM = """
-- Of a script only the first write is held against the memory limit, and this one takes none.
redis.call('DEL', KEYS[2])
"""

RUN = """
-- ARGV[first...] the commands, each as the number of its part, 0 for none, of its keys and of its
-- words, and then these
while i <= #ARGV do
    local part, keys, words = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    local first, last = i + 3, i + 2 + words
    if part == 0 then
        redis.call(unpack(ARGV, first, last))
    else
        parts[part]({unpack(ARGV, first, first + keys - 1)}, {unpack(ARGV, first + keys, last)})
    end
    i = last + 1
end
return 1
"""

NOTHING = "darkroom:nothing"
"""A key that is not there."""


def run_if_new(connection: Redis, job_key: str, pipe: Pipeline) -> bool:
    """Run what is in the pipeline unless the job is there; returns whether it ran."""
    return _run(connection, job_key, THERE, [0], pipe)


def run_if_there(connection: Redis, job_key: str, pipe: Pipeline) -> bool:
    """Run what is in the pipeline if the job is there; returns whether it ran."""
    return _run(connection, job_key, THERE, [1], pipe)


def run_if_still(connection: Redis, job_key: str, field: str, value: str, pipe: Pipeline) -> bool:
    """Run what is in the pipeline, in a full Redis too, if the job's field has still this value;
    returns whether it ran."""
    return _run(connection, job_key, STILL, [field, value], pipe, ROOM)


def _run(
    connection: Redis,
    job_key: str,
    expected: str,
    about: list[EncodableT],
    pipe: Pipeline,
    before: str = "",
) -> bool:
    """Scripts in the pipeline become parts of this one, whose text is the same for the same ones:
    Redis keeps every text that it was sent."""
    said, parts = [*about], list[str]()
    for words, _ in cast("list[tuple[tuple[Any, ...], object]]", pipe.command_stack):
        if words[0] != "EVAL":
            said += [0, 0, len(words), *words]
            continue
        _, source, keys, *rest = words
        if source not in parts:
            parts.append(source)
        said += [parts.index(source) + 1, keys, len(rest), *rest]
    pipe.reset()
    functions = ", ".join(f"function(KEYS, ARGV)\n{source}\nend" for source in parts)
    script = (
        f"if not ({expected}) then return 0 end\n{before}"
        f"local parts = {{{functions}}}\nlocal i = {len(about) + 1}\n{RUN}"
    )
    return bool(connection.eval(script, 2, job_key, NOTHING, *said))
