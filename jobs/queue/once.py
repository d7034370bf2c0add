"""Commands that run all together, and only while a job is there, or is not: one command in all."""

from __future__ import annotations

from typing import cast

from redis import Redis
from redis.client import Pipeline
from redis.typing import EncodableT

RUN = """
-- KEYS[1] a job; ARGV[1] 1 if it must be there, 0 if it must not
-- ARGV[2...] the commands, each as the number of its words and then these
if redis.call('EXISTS', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
local i = 2
while i <= #ARGV do
    local words = tonumber(ARGV[i])
    redis.call(unpack(ARGV, i + 1, i + words))
    i = i + words + 1
end
return 1
"""


def run_if_new(connection: Redis, job_key: str, pipe: Pipeline) -> bool:
    """Run what is in the pipeline unless the job is there; returns whether it ran."""
    return _run(connection, job_key, 0, pipe)


def run_if_there(connection: Redis, job_key: str, pipe: Pipeline) -> bool:
    """Run what is in the pipeline if the job is there; returns whether it ran."""
    return _run(connection, job_key, 1, pipe)


def _run(connection: Redis, job_key: str, there: int, pipe: Pipeline) -> bool:
    said: list[EncodableT] = [there]
    for words, _ in cast("list[tuple[tuple[EncodableT, ...], object]]", pipe.command_stack):
        said += [len(words), *words]
    pipe.reset()
    return bool(connection.eval(RUN, 1, job_key, *said))
