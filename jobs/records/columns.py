"""Some fields of many jobs in one command, in the order of a list or sorted set of their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from redis import Redis
from redis.client import Pipeline

COLUMNS = """
-- KEYS[1] list or sorted set of ids; ARGV[1] the id before which, or nothing
-- ARGV[2] how many, -1 for all, ARGV[3...] what to get of each
local start = 0
if ARGV[1] ~= '' then start = redis.call('ZLEXCOUNT', KEYS[1], '[' .. ARGV[1], '+') end
local words = {'SORT_RO', KEYS[1], 'BY', 'nosort', 'LIMIT', start, ARGV[2], 'DESC'}
for i = 3, #ARGV do words[#words + 1] = 'GET'; words[#words + 1] = ARGV[i] end
local found = redis.pcall(unpack(words))
if not found.err then return found end
-- Redis before 7.0 has only the one that a full memory refuses, as if it wrote, where it is the
-- first in a script that could.
words[1] = 'SORT'
if type(redis.pcall('DEL', 'darkroom:nothing')) == 'number' then
    return redis.call(unpack(words))
end
-- A full disk refuses that, too: each field is read by itself then.
local stop = tonumber(ARGV[2])
if stop >= 0 then stop = start + stop - 1 end
local sorted = redis.call('TYPE', KEYS[1]).ok == 'zset'
local ids = redis.call(sorted and 'ZREVRANGE' or 'LRANGE', KEYS[1], start, stop)
local flat = {}
for _, id in ipairs(ids) do
    for i = 3, #ARGV do
        local key, field = string.match(ARGV[i], '^(.-)%*%->(.+)$')
        flat[#flat + 1] = key and redis.call('HGET', key .. id, field) or not key and id
    end
end
return flat
"""

Row = tuple[bytes | None, ...]


def read(
    connection: Redis, key: str, get: Sequence[str], *, before: str = "", number: int = -1
) -> list[Row]:
    """What is to be got of the newest `number` jobs before the id `before`."""
    with connection.pipeline(transaction=False) as pipe:
        ask(pipe, key, get, before=before, number=number)
        return rows(pipe.execute()[0], get)


def ask(
    pipe: Pipeline, key: str, get: Sequence[str], *, before: str = "", number: int = -1
) -> None:
    """As `read`, in a pipeline; `rows` makes rows of the reply."""
    pipe.eval(COLUMNS, 1, key, before, str(number), *get)


def rows(reply: object, get: Sequence[str]) -> list[Row]:
    """The reply to `ask`, a row a job."""
    flat = cast("list[bytes | None]", reply)
    return list(zip(*[iter(flat)] * len(get), strict=True))
