"""Which models each place names, and which of them were removed while jobs may wait for them.

A place is a models.toml on a machine. A model that no worker offers at the moment is not removed:
its worker may start again. It is where a place that named it does so no longer, and no other does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from redis import Redis

PLACES = "darkroom:places"
"""Hash: place -> the models it names, and when it last said so by Redis's clock, as JSON."""

REMOVED = "darkroom:removed"
"""Hash: model -> when it was removed, by Redis's clock."""

FORGOTTEN = 24 * 3600
"""Seconds after which a place that says nothing more counts as gone, with all that it named."""

NAME = """
-- KEYS[1] places, KEYS[2] removed; ARGV[1] place, ARGV[2] seconds until one is forgotten
-- ARGV[3...] the models that it names
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local named, gone = {}, {}
for _, each in ipairs(redis.call('HKEYS', KEYS[1])) do
    local said = cjson.decode(redis.call('HGET', KEYS[1], each))
    local forgotten = now - said.at > tonumber(ARGV[2])
    if forgotten then redis.call('HDEL', KEYS[1], each) end
    for _, model in ipairs(said.models) do
        if forgotten or each == ARGV[1] then gone[model] = true else named[model] = true end
    end
end
local models = {}
for i = 3, #ARGV do
    models[#models + 1] = ARGV[i]
    named[ARGV[i]] = true
end
local list = #models > 0 and cjson.encode(models) or '[]'
redis.call('HSET', KEYS[1], ARGV[1], '{"at":' .. now .. ',"models":' .. list .. '}')
local removed = {}
for model in pairs(gone) do
    if not named[model] then
        redis.call('HSET', KEYS[2], model, now)
        removed[#removed + 1] = model
    end
end
for model in pairs(named) do redis.call('HDEL', KEYS[2], model) end
return removed
"""


def name_models(connection: Redis, place: str, models: Sequence[str]) -> list[str]:
    """Say which models a place names by now; returns those that nobody names any more since."""
    reply = connection.eval(NAME, 2, PLACES, REMOVED, place, str(FORGOTTEN), *models)
    return [model.decode() for model in cast("list[bytes]", reply)]


def removed_models(connection: Redis) -> set[str]:
    """The models that were removed and are named nowhere."""
    return {name.decode() for name in cast("list[bytes]", connection.hkeys(REMOVED))}
