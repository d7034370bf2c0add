"""A worker's lease of one job, as RQ keeps it: an execution, and its entry in a registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError
from rq.executions import Execution
from rq.job import Job

from jobs.queue import leases


@dataclass(frozen=True, eq=False)
class Lease:
    """The right to run a job and to say how it ended; `jobs.queue.leases` ends those of the dead.

    What changes a lease is added to a pipeline, to happen together with what depends on it.
    """

    job: Job
    execution: Execution

    @classmethod
    def take(cls, pipe: Pipeline, job: Job, worker: str) -> Lease:
        """Begin an attempt at a job, in the name of this worker."""
        execution = Execution(uuid4().hex, job.id, job.connection, worker_name=worker)
        leases.take(pipe, job, execution)
        job.prepare_for_execution(worker, pipeline=pipe)
        return cls(job, execution)

    @property
    def id(self) -> str:
        """Told apart by this from any other attempt at the job."""
        return self.execution.id

    @property
    def age(self) -> timedelta:
        """How long ago it was taken."""
        return datetime.now(UTC) - self.execution.created_at

    @property
    def entry(self) -> str:
        """What the registry has of it."""
        return self.execution.composite_key

    def renew(self, pipe: Pipeline) -> None:
        """Make it hold for `LEASE` seconds from now; the reply is 0 where it was lost for good."""
        self.execution.last_heartbeat = datetime.now(UTC)  # for RQ's tools to show
        leases.renew(pipe, self.job, self.execution)

    def holds(self, connection: Redis) -> bool:
        """Whether it was taken, and is not ended."""
        return connection.zscore(self._registry, self.entry) is not None

    def end(self, pipe: Pipeline) -> None:
        """The attempt is over."""
        self.execution.delete(self.job, pipe)

    def pardon(self, connection: Redis) -> None:
        """Say that the worker lives: if the lease has run out, that was no crash of the job's."""
        leases.pardon(connection, self.job, self.execution)

    def change(self, connection: Redis, change: Callable[[Pipeline], None]) -> bool:
        """Make a change in one transaction if the lease holds. Else False, and nothing changes."""
        while True:
            try:
                with connection.pipeline() as pipe:
                    pipe.watch(self._registry)
                    if pipe.zscore(self._registry, self.entry) is None:
                        return False
                    pipe.multi()
                    change(pipe)
                    pipe.execute()
                    return True
            except WatchError:
                continue

    @property
    def _registry(self) -> str:
        return self.job.started_job_registry.key
