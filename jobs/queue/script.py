"""A transaction as one script: it can depend on what is there, and a full Redis lets it through.

At its memory limit Redis refuses every command that could take more, and everything in MULTI. What
ends a job or removes it has to go on working then: it is what makes room.
"""

from __future__ import annotations

from typing import Any, cast

from redis import Redis
from redis.client import Pipeline

HEAD = """
-- KEYS[1] hash, KEYS[2] a key that is not there; ARGV[1] field, ARGV[2] its value, then commands
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
-- Of a script only the first write is held against the memory limit, and this one takes none.
redis.call('DEL', KEYS[2])
local words = ARGV
"""

NOTHING = "darkroom:nothing"


def run_if(connection: Redis, pipe: Pipeline, key: str, field: str, value: str) -> bool:
    """Do all that was added to a pipeline, or nothing and return False where a hash's field has
    another value by now.

    The pipeline is not to be executed itself. Scripts in it are done as a part of this one.
    """
    lines, words = [HEAD], [field, value]
    for arguments, _ in cast("list[tuple[list[Any], Any]]", pipe.command_stack):
        lines.append(_line(arguments, words))
    script = "\n".join([*lines, "return 1"])
    return bool(connection.eval(script, 2, key, NOTHING, *words))


def _line(arguments: list[Any], words: list[Any]) -> str:
    """One command in Lua, which finds its words among the arguments of the whole script."""
    if arguments[0] != "EVAL":
        return f"redis.call({_taken(list(arguments), words)})"
    _, source, count, *rest = arguments
    keys, values = _taken(rest[:count], words), _taken(rest[count:], words)
    return f"do local part = function(KEYS, ARGV)\n{source}\nend part({{{keys}}}, {{{values}}}) end"


def _taken(more: list[Any], words: list[Any]) -> str:
    first = len(words) + 1
    words.extend(more)
    return f"unpack(words, {first}, {len(words)})"
