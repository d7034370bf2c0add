"""Lists and searches on a real Redis: what is found, what of an earlier version, at what cost."""

from __future__ import annotations

import pytest

from jobs.lists import listing, standing
from jobs.lists import search as searching
from jobs.queue import queue
from tests.running.commands import commands


def search(redis, said, owner="anna", limit=100, before=None, status=None):
    found, before = listing.list_jobs(
        redis, owner, limit=limit, before=before, status=status, search=said
    )
    return [record.request.prompt for record in found], before


def id_at(milliseconds: int, number: int = 0) -> str:
    return f"{milliseconds:012x}{number:020x}"


def many(redis, ask, prompts, owner="anna"):
    """Jobs an hour apart, so that they lie in many stretches of time."""
    return [
        queue.submit(
            redis, ask(prompt=each), owner, job_id=id_at((number + 1) * 3600_000, owner == "bert")
        )
        for number, each in enumerate(prompts)
    ]


def test_a_search_finds_parts_of_words_in_any_order_and_not_in_ids(redis, ask):
    made = many(redis, ask, ["a green apple", "Red APPLE,\n3d", "Äpfel phở", "12 pears"])
    assert search(redis, "appl rEd")[0] == ["Red APPLE,\n3d"]
    assert search(redis, "pho\u031b\u0309 äPF")[0] == ["Äpfel phở"]
    assert search(redis, "apple")[0] == ["Red APPLE,\n3d", "a green apple"]
    assert search(redis, "12")[0] == ["12 pears"]
    assert search(redis, made[0].id[:12])[0] == []
    assert search(redis, "apple", owner="bert") == ([], None)


def test_the_pages_of_a_search_miss_nothing_and_show_nothing_twice(redis, ask, monkeypatch):
    monkeypatch.setattr(searching, "FIRST_LOOK", 1)
    monkeypatch.setattr(searching, "LOOK", 400)
    monkeypatch.setattr(searching, "LOOKS", 2)
    mine = many(redis, ask, [f"apple {number}" for number in range(40)])
    others = many(redis, ask, ["pear", "apple tree"] * 20, owner="bert")[1::2]
    for owner, wanted in (("anna", mine), (None, [*mine, *others])):
        seen, before, pages = [], None, 0
        while True:
            page, before = listing.list_jobs(
                redis, owner, limit=3, before=before, status=None, search="APPLE"
            )
            seen += [record.id for record in page]
            pages += 1
            if before is None:
                break
        assert seen == sorted((record.id for record in wanted), reverse=True)
        assert pages >= len(seen) / 3


def test_a_search_can_ask_for_a_status(redis, ask):
    made = many(redis, ask, ["apple 1", "apple 2", "pear"])
    queue.cancel(redis, made[0].id)
    assert search(redis, "apple", status="canceled")[0] == ["apple 1"]
    assert search(redis, "", status="queued")[0] == ["pear", "apple 2"]


def test_a_page_that_looks_at_many_statuses_says_where_to_go_on(redis, ask, monkeypatch):
    monkeypatch.setattr(listing, "STATUSES_AT_ONCE", (2, 2))
    made = many(redis, ask, [str(number) for number in range(6)])
    queue.cancel(redis, made[0].id)
    page, before = search(redis, "", status="canceled")
    assert (page, before) == ([], made[2].id)
    assert search(redis, "", status="canceled", before=before) == (["0"], None)


def test_a_deleted_job_leaves_none_of_its_words(redis, ask):
    first, second = (queue.submit(redis, ask(prompt=each), "anna") for each in ("apple", "pear"))
    queue.delete(redis, first)
    assert search(redis, "apple")[0] == []
    assert search(redis, "pear")[0] == ["pear"]
    assert not any(b"apple" in redis.get(key) for key in redis.keys("darkroom:words:anna:*"))
    queue.delete(redis, second)
    assert redis.keys("darkroom:words*") == []
    assert redis.keys("darkroom:everybody") == redis.keys(standing.OPEN) == []


def test_jobs_of_an_earlier_version_are_found_once_they_were_taken_up(redis, ask):
    """Those had an index for each owner and nothing else."""
    ended, waits = many(redis, ask, ["apple", "pear"])
    queue.cancel(redis, ended.id)
    for key in [*redis.keys("darkroom:words*"), listing.EVERYBODY.encode(), standing.OPEN.encode()]:
        redis.delete(key)
    assert [
        record.id
        for record in listing.list_jobs(redis, "anna", limit=5, before=None, status=None)[0]
    ] == [waits.id, ended.id]
    assert standing.look(redis).position(waits) is None
    for _ in range(2):
        list(listing.adopt(redis))
        assert search(redis, "apple", owner=None)[0] == ["apple"]
        assert standing.look(redis).position(waits) == 0
        assert redis.zcard(standing.OPEN) == 1
        assert redis.zcard(listing.EVERYBODY) == 2


@pytest.mark.parametrize("owner", ["anna", None])
def test_a_search_without_a_hit_among_many_jobs_is_one_page_of_few_commands(redis, ask, owner):
    request = ask(prompt="a red apple on a wooden table, soft light, 3d render, very detailed")
    with redis.pipeline(transaction=False) as pipe:
        for number in range(10_000):
            searching.add(
                pipe, owner or f"caller{number % 20}", id_at(number * 60_000), request.prompt
            )
            if number % 2500 == 2499:
                pipe.execute()
    with commands(redis) as counted:
        assert search(redis, "pear", owner=owner) == ([], None)
    assert len(counted.all) <= 20, counted
