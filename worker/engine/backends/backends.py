"""Which way each network runs: compiled in the background where nothing else is to be done, tried
against the plain one, and used from then on for calls that it was proved for."""

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch

from worker.engine.backends import openvino
from worker.engine.backends.cabinet import Cabinet, Comparison
from worker.engine.backends.call import Call, Signature
from worker.engine.backends.fingerprint import fingerprint
from worker.engine.backends.network import Network, standing_in
from worker.engine.backends.openvino import CompiledNetwork, ConvertedNetwork
from worker.engine.backends.trial import Trial

log = logging.getLogger(__name__)

SIZES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Rows that a small network is compiled for: of a fixed number it is a quarter faster than of any
number. A call of fewer is filled up."""

SMALL = 200_000_000
"""Bytes of weights up to which a network is compiled for each of these: each has a copy of them."""

MOST = {True: 24, False: 2}
"""How many of a network there may be compiled at once: of a small one, and of any other."""

ANY = 0
"""The rows of what takes any number of them."""

ENDING = 10.0
"""Seconds that a worker on its way out waits for a compilation under way."""


@dataclass(eq=False)
class Course:
    """Calls of one network that differ in their rows alone, and what there is for them."""

    sample: Call
    looked: bool = False
    converted: ConvertedNetwork | None = None
    asked: Counter[int] = field(default_factory=Counter[int])
    there: dict[int, tuple[CompiledNetwork, Comparison]] = field(
        default_factory=dict[int, tuple[CompiledNetwork, Comparison]]
    )
    untried: dict[int, CompiledNetwork] = field(default_factory=dict[int, CompiledNetwork])
    declined: set[int] = field(default_factory=set[int])

    def wants(self) -> Iterator[int]:
        """The rows that calls had and for which nothing was tried, the fewest first."""
        known = self.there.keys() | self.untried.keys() | self.declined
        return (rows for rows in sorted(self.asked) if rows not in known)

    def best(self, rows: int) -> CompiledNetwork | None:
        """What is fastest for a call of so many rows; None for the network itself."""
        fitting = [
            (compared.compiled, compiled)
            for size, (compiled, compared) in self.there.items()
            if size == ANY or (size >= rows and compared.compiled * size <= compared.eager * rows)
        ]
        return min(fitting, key=lambda each: each[0])[1] if fitting else None


class Backends:
    """Compiles, compares and remembers. One thread runs networks and asks for improvements.

    `cabinet` keeps all for the next start; `room` says whether so many bytes of memory may be
    taken, beside as many that were taken before; `ran` is told the model of each forward that ran
    compiled.
    """

    def __init__(
        self,
        cabinet: Cabinet,
        room: Callable[[int, int], bool],
        ran: Callable[[str, int], None] = lambda _, __: None,
    ) -> None:
        self._cabinet = cabinet
        self._ran = ran
        self._room = room
        self._courses: WeakKeyDictionary[Network, dict[Signature, Course]] = WeakKeyDictionary()
        self._offered: WeakSet[Network] = WeakSet()
        self._names: WeakKeyDictionary[Network, str] = WeakKeyDictionary()
        self._errands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._models: frozenset[str] = frozenset()
        self._sent = self._done = 0
        self._thread: threading.Thread | None = None
        self._trial: tuple[Course, Trial] | None = None

    def over(self, networks: Sequence[Network]) -> AbstractContextManager[None]:
        """Within it calls of the networks run the fastest way that there is for them."""
        self._offered.update(networks)
        return standing_in(networks, self._answer)

    @property
    def models(self) -> frozenset[str]:
        """Names of the models whose denoiser was made faster; may be asked from any thread."""
        return self._models

    def knows(self, networks: Sequence[Network]) -> bool:
        """Whether each of the networks has had a chance to run another way."""
        return all(network in self._offered for network in networks)

    def improve(self) -> bool:
        """Something that takes no longer than a forward, with nothing else to do; False where
        nothing is left, or has to wait for what is being compiled."""
        if self._trial is not None:
            self._advance(*self._trial)
            return True
        if self._sent > self._done:
            return False
        for network, courses in list(self._courses.items()):
            for course in list(courses.values()):
                for rows, compiled in course.untried.items():
                    call = course.sample.of_rows(rows or max(course.asked, default=2) or 2)
                    self._trial = course, Trial(network, compiled, call)
                    return True
                if course.looked and (rows := next(course.wants(), None)) is not None:
                    self._begin(network, course, rows)
                    return False
                course.converted = None
        return False

    def let_go(self) -> None:
        """Holds no network that was being tried; it is tried anew when there is time."""
        self._trial = None

    def forget(self, model: str) -> None:
        """The name stands for other weights from now on."""
        self.let_go()
        self._models -= {model}

    def close(self) -> None:
        """Ends what is done in the background."""
        self._errands.put(None)
        if self._thread is not None:
            self._thread.join(ENDING)

    # While networks run

    def _answer(
        self, network: Network, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> torch.Tensor | None:
        call = Call.of(args, kwargs)
        if call is None:
            return None
        courses = self._courses.setdefault(network, {})
        signature = call.signature
        course = courses.get(signature)
        if course is None:
            course = courses[signature] = Course(call.of_rows(1))
            self._send(lambda: self._look(network, course))
        size = self._size(network, call.rows)
        if size is None:
            return None
        course.asked[size] += 1
        compiled = course.best(call.rows)
        if compiled is None:
            return None
        try:
            answer = compiled.run(call)
        except Exception as error:
            log.warning("a compiled network failed, and the plain one takes over: %s", error)
            course.there.pop(compiled.rows, None)
            course.declined.add(compiled.rows)
            return None
        if network.model:
            # With it goes by how many rows it was filled up.
            self._ran(network.model, max(0, compiled.rows - call.rows))
        return answer

    def _size(self, network: Network, rows: int) -> int | None:
        if network.bytes > SMALL:
            return ANY
        return next((size for size in SIZES if size >= rows), None)

    def _advance(self, course: Course, trial: Trial) -> None:
        try:
            compared = trial.advance()
        except Exception as error:
            log.warning("a compiled network could not be tried: %s", error)
            compared = Comparison(0.0, 0.0, agreed=False)
        if compared is None:
            return
        self._trial = None
        compiled, network = trial.compiled, trial.network
        rows = compiled.rows
        course.untried.pop(rows, None)
        if compared.won:
            self._use(network, course, compiled, compared)
        else:
            course.declined.add(rows)
        log.info(
            "%s of %s rows: %.1f ms compiled, %.1f ms plain%s",
            type(network.module).__name__,
            rows or "any number of",
            compared.compiled * 1000,
            compared.eager * 1000,
            "" if compared.agreed else "; their answers differ",
        )
        self._send(lambda: self._keep(network, course, compiled, compared))

    @property
    def _taken(self) -> int:
        """Bytes that what was compiled should take: its weights, packed, and what it works on."""
        return sum(
            2 * network.bytes * len(course.there)
            for network, courses in list(self._courses.items())
            for course in list(courses.values())
        )

    # In the background

    def _begin(self, network: Network, course: Course, rows: int) -> None:
        small = network.bytes <= SMALL
        courses = self._courses[network].values()
        full = sum(len(each.there) + len(each.untried) for each in courses) >= MOST[small]
        if full or not self._room(network.bytes * (6 if small else 3), self._taken):
            course.declined.add(rows)
            return

        def compile_it() -> None:
            try:
                if course.converted is None:
                    course.converted = ConvertedNetwork(network, course.sample.of_rows(2))
                course.untried[rows] = course.converted.compiled(rows)
            except Exception as error:
                # Each number of rows would fail in the same way.
                course.declined.update((*SIZES, ANY))
                log.info("%s stays plain: %s", type(network.module).__name__, error)

        self._send(compile_it)

    def _look(self, network: Network, course: Course) -> None:
        """What an earlier start found out."""
        if network.dtype not in openvino.PRECISIONS or not network.is_on_cpu:
            course.declined.update((*SIZES, ANY))
            return
        for rows in (ANY,) if network.bytes > SMALL else SIZES:
            name = self._name(network, course, rows)
            compared = self._cabinet.comparison(name)
            if compared is None:
                continue
            if not compared.won:
                course.declined.add(rows)
                continue
            file = self._cabinet.file(name)
            if not file.exists() or not self._room(network.bytes * 3, self._taken):
                continue
            try:
                compiled = openvino.load(file, network, course.sample, rows)
                self._use(network, course, compiled, compared)
                self._cabinet.used(name)
            except Exception as error:
                log.info("%s is compiled anew: %s", type(network.module).__name__, error)
        course.looked = True

    def _use(
        self, network: Network, course: Course, compiled: CompiledNetwork, compared: Comparison
    ) -> None:
        course.there[compiled.rows] = compiled, compared
        if network.model:
            self._models |= {network.model}

    def _keep(
        self, network: Network, course: Course, compiled: CompiledNetwork, compared: Comparison
    ) -> None:
        name = self._name(network, course, compiled.rows)
        if compared.won:
            try:
                compiled.save(self._cabinet.partial(name))
                self._cabinet.filed(name)
            except (OSError, RuntimeError) as error:
                log.warning("a compiled network could not be kept: %s", error)
        if compared.won or not compared.agreed:
            # What was only slower is tried again by the next start, which may have less beside it.
            self._cabinet.note(name, compared)

    def _name(self, network: Network, course: Course, rows: int) -> str:
        if network not in self._names:
            self._names[network] = fingerprint(network.module)
        machine = f"{openvino.version()} {openvino.processor()} {torch.get_num_threads()}"
        about = f"{self._names[network]} {course.sample.signature.name} {rows} {machine}"
        return hashlib.sha256(about.encode()).hexdigest()

    def _send(self, errand: Callable[[], None]) -> None:
        self._sent += 1
        self._errands.put(errand)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="compiler", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (errand := self._errands.get()) is not None:
            try:
                errand()
            except Exception:
                log.exception("what is known of a compiled network could not be read or kept")
            del errand
            self._done += 1
