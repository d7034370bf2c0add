"""Who may run beside whom at this worker, where jobs wait that were in a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from redis import Redis

from jobs.queue import suspects
from jobs.queue.suspects import Suspect
from jobs.records import lanes, workers
from jobs.records.workers import WorkerInfo
from worker.loop.board import Board


@dataclass(frozen=True)
class Admission:
    """Whom this worker may take now: suspects of one group, or everybody else, or nobody.

    `first` are those suspects that wait, whose turn comes before all others': they ran already.
    """

    suspects: Mapping[str, Suspect] = field(default_factory=dict[str, Suspect])
    group: str | None = None
    others: bool = True
    first: Sequence[Suspect] = ()

    def admits(self, job_id: str) -> bool:
        """Whether this job may run beside what the worker holds."""
        suspect = self.suspects.get(job_id)
        return self.others if suspect is None else suspect.group == self.group

    def waiting(self, lane: lanes.Lane) -> int:
        """How many suspects wait in a lane."""
        return sum(each.lane == lane and not each.holder for each in self.suspects.values())


class Isolation:
    """What the worker `name` knows of suspects. A group of them begins in an empty worker, and of
    several workers for a model one holds none, for everybody else."""

    def __init__(
        self, board: Board, connection: Redis, name: str, lane_models: Callable[[], set[str]]
    ) -> None:
        self.board = board
        self.connection = connection
        self.name = name
        self._lane_models = lane_models

    def admission(self) -> Admission:
        """Whom this worker may take, as things stand."""
        found = suspects.read(self.connection)
        held = self.board.held()
        if group := next((slot.group for slot in held if slot.group), None):
            return Admission(found, group, others=False, first=self._waiting(found, group))
        waiting = self._waiting(found)
        if not waiting:
            return Admission(found)
        live = workers.live(self.connection)
        for each in waiting:
            if self._may_begin(each, found, live, len(held)):
                if held:
                    return Admission(found, others=False)
                return Admission(found, each.group, first=self._waiting(found, each.group))
        return Admission(found)

    def _waiting(self, every: Mapping[str, Suspect], group: str | None = None) -> list[Suspect]:
        models = self._lane_models()
        found = [
            each
            for each in every.values()
            if group in (None, each.group) and each.holder is None and each.lane.model in models
        ]
        return sorted(found, key=lambda each: (-each.lane.rank, each.job))

    def _may_begin(
        self,
        suspect: Suspect,
        every: Mapping[str, Suspect],
        live: Sequence[WorkerInfo],
        held: int,
    ) -> bool:
        """Whether this group is this worker's to run, or to become empty for."""
        model = suspect.lane.model
        peers = [each for each in live if each.name != self.name and _serves(each, model)]
        if not peers:
            return True
        isolated = {each.holder for each in every.values()}
        beside = [each for each in peers if each.name not in isolated]
        if not held:
            return bool(beside)
        # One that is emptier is there sooner.
        mine = (held, self.name)
        return bool(beside) and all((each.running, each.name) > mine for each in beside)


def _serves(worker: WorkerInfo, lane_model: str) -> bool:
    return any(lanes.plain(card.name) == lane_model for card in worker.models)
