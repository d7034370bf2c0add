"""The rows of one forward, with the tasks that they are of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from worker.engine.parts.condition import Condition
from worker.engine.parts.rows import Rows
from worker.engine.sampling.steps import Stack, Steps
from worker.engine.task import Task


@dataclass(frozen=True, kw_only=True)
class TaskRows(Rows):
    """Rows with the tasks that they are of.

    The rows of guided tasks that are not with their prompt come first, in the order of `tasks`,
    which has the guided ones first: where a picture guides too those without both, then those
    without the prompt. Then comes one row a task with its prompt, and behind them, for each task
    that has several prompts, those after the first: `more` are the places of their tasks. `beside`
    is how many rows each guided task has beside those with prompts. `stack` has the tasks' states
    in their order, and `steps` what they are to do next.
    """

    tasks: list[Task]
    stack: Stack
    steps: Steps
    beside: int = 1
    more: Sequence[int] = ()

    @cached_property
    def owners(self) -> list[Task]:
        """The task of each row."""
        more = [self.tasks[at] for at in self.more]
        return [*self.tasks[: self.guided] * self.beside, *self.tasks, *more]

    def owner(self, row: int) -> Task:
        return self.owners[row]

    def is_perturbed(self, row: int) -> bool:
        """Whether a row is a prompt's again, for the network that does not look about itself."""
        behind = row - self.first_prompt - len(self.tasks)
        return behind >= 0 and condition_of(self.tasks, self.more, behind).perturbed

    @cached_property
    def guided(self) -> int:
        return self.first_prompt // self.beside

    @cached_property
    def first_prompt(self) -> int:
        """Where the rows with prompts begin."""
        return len(self) - len(self.tasks) - len(self.more)

    def looking(self, start: int, end: int) -> dict[int, Task]:
        """Of rows `start` to `end`, counted from there, those with the prompt of tasks that want
        to know where words are looked at in this step."""
        if all(task.recording is None for task in self.tasks):
            return {}
        behind = self.first_prompt + len(self.tasks)
        return {
            row - start: task
            for row in range(max(start, self.first_prompt), min(end, behind))
            if (task := self.owner(row)).traced and task.recording and task.recording.looks
        }


def condition_of(tasks: Sequence[Task], more: Sequence[int], behind: int) -> Condition:
    """That of a row behind those with the first prompts; `more` are the places of their tasks."""
    at = more[behind]
    before = sum(place == at for place in more[:behind])
    return tasks[at].conditions[1 + before]
