"""One Redis and 1 to 1,000 GPUs behind it, played through at the costs that were measured.

    python -m benchmarks.simulate [--rows 32] [--steps 20] [--step-ms 100] [--lanes 50]

What each thing that API and workers ask costs Redis is measured here first, at a Redis of its own:
sending a job, taking it, telling of a step, ending it, a look at the lanes, a worker's beat. What a
forward takes is given, or what `benchmarks/gpu.sh speed` found on a card, else 100 ms. Each GPU has
`rows / 2` pictures under way (guidance takes the other rows) and takes the next when one is done;
Redis does one thing after the other. A GPU is idle for as long as Redis lets it wait.

Results go to benchmarks/results/simulate.json: pictures a second, how much of what the GPUs could
do that is, how busy Redis is, and how long a command waits.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks import RESULTS, machine, save
from jobs.pictures.image_store import ImageStore
from jobs.queue import queue
from jobs.records import lanes
from jobs.request.request import GenerationRequest
from jobs.request.resolve import resolve
from tests.running.hand_worker import CARD, HandWorker
from tests.running.services.redis import redis_in

GPUS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
BEAT = 2.0
"""Seconds between two beats of a worker."""

REPORTS = 10
"""Times a second that a worker tells how far its jobs are."""

LOOKS = 20
"""Times a second that a worker whose places are all taken asks whether a job came."""

USUAL_MS = 100.0
"""Of a forward, where nobody says it and no card was measured."""

WELL = 0.95
"""Of what the GPUs could do: below it Redis holds them up."""


@dataclass(frozen=True)
class Costs:
    """Seconds of Redis's one core."""

    submit: float
    take: float
    report: float
    end: float
    look: float
    look_a_lane: float
    rung: float
    beat: float
    beat_a_job: float


def measured(times: int) -> Costs:
    """What each thing costs Redis, as it says itself."""
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-") as name,
        redis_in(Path(name) / "redis") as server,
        Redis.from_url(server.url) as redis,
    ):
        hand = HandWorker(redis, ImageStore(f"{name}/images"))
        hand.advertise()
        request = resolve(GenerationRequest(prompt="red apple, 3d", steps=20), [CARD], {})

        def cost(work: Callable[[int], object], often: int = times) -> float:
            before = _used(redis)
            for number in range(often):
                work(number)
            return (_used(redis) - before) / often

        ids: list[str] = []
        submit = cost(lambda _: ids.append(queue.submit(redis, request, "local").id))
        few, many = _look(redis, cost, 1), _look(redis, cost, 101)
        take = cost(lambda number: hand.begin(ids[number]))
        report = cost(lambda number: hand.progress(ids[number], 5))
        end = cost(lambda number: hand.finish(ids[number], b""))
        rung = cost(lambda _: redis.get(lanes.RUNG))
        beat = cost(lambda _: hand.advertise())
        # A lease is renewed by one small script, and its job asked whether it is to stop.
        renewed = cost(lambda number: (redis.zscore("x", ids[number]), redis.hexists("x", "y")))
        return Costs(
            submit, take, report, end, few, max(0.0, (many - few) / 100), rung, beat, renewed
        )


def _look(redis: Redis, cost: Callable[..., float], count: int) -> float:
    """A worker's look at so many lanes."""
    for number in range(count):
        redis.sadd(lanes.QUEUES, f"rq:queue:small/normal/c{number}")

    def look(_: int) -> None:
        every = lanes.lanes(redis)
        lanes.waiting(redis, every)
        lanes.had_and_served(redis, [each.caller for each in every])

    return cost(look)


def _used(redis: Redis) -> float:
    said = redis.info("cpu")
    return float(said["used_cpu_sys"]) + float(said["used_cpu_user"])


@dataclass(frozen=True)
class Pace:
    """What a GPU does: rows and seconds of a forward, steps of a picture, lanes that there are."""

    rows: int
    steps: int
    step_s: float
    lanes: int

    @property
    def pictures(self) -> int:
        """Pictures that share a forward."""
        return max(1, self.rows // 2)

    @property
    def picture_s(self) -> float:
        """Seconds that a picture is under way."""
        return self.steps * self.step_s


def asked(pace: Pace, costs: Costs) -> float:
    """Seconds of Redis that one GPU asks for in each second: how many it serves is the inverse."""
    pictures = pace.pictures / pace.picture_s * job_cost(pace, costs)
    return pictures + sum(cost / every for every, cost in steady_of(pace, costs).values())


def job_cost(pace: Pace, costs: Costs) -> float:
    """What a job costs from being sent to its end, without what is told of it meanwhile."""
    return costs.submit + costs.end + costs.take + costs.look + costs.look_a_lane * pace.lanes


def steady_of(pace: Pace, costs: Costs) -> dict[str, tuple[float, float]]:
    """What a busy worker asks again and again: every so many seconds, at such a cost."""
    reports = REPORTS * min(1.0, 1 / (pace.step_s * REPORTS))
    return {
        "report": (1 / reports, costs.report * pace.pictures),
        "rung": (1 / LOOKS, costs.rung),
        "beat": (BEAT, costs.beat + costs.beat_a_job * pace.pictures),
    }


def play(gpus: int, pace: Pace, costs: Costs, seconds: float) -> dict[str, Any]:
    """So many GPUs for so many seconds."""
    dice = random.Random(gpus)
    each_job, steady = job_cost(pace, costs), steady_of(pace, costs)
    coming: list[tuple[float, int, str]] = []
    for gpu in range(gpus):
        for name, (every, _) in steady.items():
            coming.append((dice.random() * every, gpu, name))
        for _ in range(pace.pictures):
            coming.append((dice.random() * pace.picture_s, gpu, "picture"))
    heapq.heapify(coming)
    free = busy = 0.0
    done, waited = 0, list[float]()
    while coming and coming[0][0] < seconds:
        now, gpu, name = heapq.heappop(coming)
        begins = max(now, free)
        took = each_job if name == "picture" else steady[name][1]
        free = begins + took
        busy += took
        if name == "picture":
            # Redis has not heard of what still waits when the time is over.
            done += free <= seconds
            waited.append(free - now)
            heapq.heappush(coming, (free + pace.picture_s, gpu, name))
        else:
            # The next report comes its time after this one was heard.
            heapq.heappush(coming, (max(now + steady[name][0], free), gpu, name))
    could = gpus * pace.pictures / pace.picture_s
    return {
        "gpus": gpus,
        "pictures_a_second": round(done / seconds, 1),
        "of_what_they_could": round(min(1.0, done / seconds / could), 3),
        "redis_busy": round(min(1.0, busy / seconds), 3),
        "job_waits_ms": round(1000 * statistics.median(waited), 2) if waited else None,
    }


def on_a_card(rows: int) -> float | None:
    """Milliseconds of a forward of so many rows of Stable Diffusion 1.5 at 512x512, as a card in
    the results took them; None where there is none."""
    file = RESULTS / "gpu-speed.json"
    if not file.exists():
        return None
    tables = json.loads(file.read_text()).get("forwards", {}).get("sd1", {})
    return next((each["ms"] for each in tables.get("512", ()) if each["rows"] == rows), None)


def main() -> None:
    parser = argparse.ArgumentParser(description="1 to 1,000 GPUs behind one Redis")
    parser.add_argument("--rows", type=int, default=32, help="of a forward")
    parser.add_argument("--steps", type=int, default=20, help="of a picture")
    parser.add_argument("--step-ms", type=float, help="what a forward takes")
    parser.add_argument("--lanes", type=int, default=50, help="callers times models times priority")
    parser.add_argument("--seconds", type=float, default=20.0, help="that are played through")
    parser.add_argument("--times", type=int, default=300, help="each cost is measured so often")
    parser.add_argument("--output", type=Path, default=RESULTS / "simulate.json")
    options = parser.parse_args()
    costs = measured(options.times)
    step_ms = options.step_ms or on_a_card(options.rows) or USUAL_MS
    pace = Pace(options.rows, options.steps, step_ms / 1000, options.lanes)
    began = time.monotonic()
    played = [play(gpus, pace, costs, options.seconds) for gpus in GPUS]
    good = [each["gpus"] for each in played if each["of_what_they_could"] >= WELL]
    result = machine() | {
        "costs_us": {name: round(1e6 * each, 1) for name, each in asdict(costs).items()},
        "pace": asdict(pace),
        "played": played,
        "most_gpus": max(good, default=0),
        "redis_seconds_a_gpu_second": round(asked(pace, costs), 5),
        "took_s": round(time.monotonic() - began, 1),
    }
    save(result, options.output)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
