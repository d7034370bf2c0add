"""Which way each network runs: compiled in the background where nothing else is to be done, tried
against the plain one, and used from then on for calls that it was proved for."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from queue import SimpleQueue
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch

from worker.engine.backends.cabinet import Cabinet, Comparison
from worker.engine.backends.call import Call, Signature
from worker.engine.backends.compiler import CompiledNetwork, Compiler
from worker.engine.backends.course import Course
from worker.engine.backends.merged import Change, Merged
from worker.engine.backends.network import Network, standing_in
from worker.engine.backends.trial import Trial
from worker.engine.memory.device import make_current

log = logging.getLogger(__name__)

KINDS = 100
"""Kinds of calls of a network that are remembered, each by a call that lies on its device: callers
may ask for thousands of sizes. Those that were met last, and all for which something was made."""

UNUSED = 1800.0
"""Seconds after which what was compiled for calls that came no more makes room for others."""

RESTING = 600.0
"""Seconds until it is tried again where there was no room, or once where it was slower."""

ENDING = 10.0
"""Seconds that a worker on its way out waits for a compilation under way."""


class Backends:
    """Compiles, compares and remembers. One thread runs networks and asks for improvements.

    Of `compilers` the first that serves a network compiles it. `cabinet` keeps all for the next
    start; `room` says whether so many bytes of memory may be taken, beside as many that were taken
    before; `ran` is told the model of each forward that ran compiled.
    """

    def __init__(
        self,
        compilers: Sequence[Compiler],
        cabinet: Cabinet,
        room: Callable[[int, int], bool],
        ran: Callable[[str, int], None] = lambda _, __: None,
    ) -> None:
        self._compilers = compilers
        self._cabinet = cabinet
        self._ran = ran
        self._room = room
        self._courses: WeakKeyDictionary[Network, dict[Signature, Course]] = WeakKeyDictionary()
        self._offered: WeakSet[Network] = WeakSet()
        self._names: WeakKeyDictionary[Network, tuple[str, str]] = WeakKeyDictionary()
        self._errands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._models: Mapping[str, str] = {}
        self._sent = self._done = 0
        self._thread: threading.Thread | None = None
        self._trial: tuple[Course, Trial] | None = None
        self._merged = Merged(self._send, lambda size: room(size, self._taken))

    def over(
        self, networks: Sequence[Network], change: Change | None = None
    ) -> AbstractContextManager[None]:
        """Within it calls of the networks run the fastest way that there is for them, with the
        change that acts on all of their rows."""
        self._offered.update(networks)
        return standing_in(networks, partial(self._stand_in, change))

    @property
    def models(self) -> Mapping[str, str]:
        """The models whose denoiser was made faster, and by which compiler; may be asked from any
        thread."""
        return self._models

    def knows(self, networks: Sequence[Network]) -> bool:
        """Whether each of the networks has had a chance to run another way."""
        return all(network in self._offered for network in networks)

    def improve(self) -> bool:
        """Something that takes no longer than some forwards, with nothing else to do; False where
        nothing is left, or has to wait for what is being compiled."""
        if self._trial is not None:
            self._advance(*self._trial)
            return True
        if self._sent > self._done:
            return False
        for network, course in self._all():
            for rows, compiled in course.untried.items():
                call = course.of_rows(rows)
                self._prepare(network, compiled, call)
                self._trial = course, Trial(network, compiled, call)
                return True
            for rows, (compiled, _) in course.there.items():
                if not compiled.prepared:
                    self._prepare(network, compiled, course.of_rows(rows))
                    return True
            for compiled, call in self._merged.unprepared(network):
                self._prepare(network, compiled, call)
                return True
            if course.compiler and self._merged.begin(network, course.compiler.needs(network)):
                return False
            rested = course.looked and time.monotonic() >= course.resting
            if rested and (rows := next(course.wants(), None)) is not None:
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
        self._models = {name: by for name, by in self._models.items() if name != model}

    def close(self) -> None:
        """Ends what is done in the background."""
        self._errands.put(None)
        for compiler in self._compilers:
            compiler.close()
        if self._thread is not None:
            self._thread.join(ENDING)

    def _all(self) -> Iterator[tuple[Network, Course]]:
        for network, courses in list(self._courses.items()):
            often = sorted(courses.values(), key=lambda each: -each.asked.total())
            for course in often:
                yield network, course

    # While networks run

    def _stand_in(
        self,
        change: Change | None,
        network: Network,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> torch.Tensor | None:
        answer = self._answer(change, network, args, kwargs)
        if answer is None and change is not None:
            return self._merged.plain(network, change, args, kwargs)
        return answer

    def _answer(
        self,
        change: Change | None,
        network: Network,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> torch.Tensor | None:
        call = Call.of(args, kwargs)
        if call is None:
            return None
        course = self._course(network, call)
        if course.compiler is None or not (change is None or course.compiler.changes):
            return None
        size = course.size(course.compiler.sizes(network), call.rows)
        if size is None:
            return None
        course.asked[size] += 1
        compiled = course.best(call.rows)
        if compiled is None:
            return None
        try:
            if change is None:
                answer = compiled.run(call)
            else:
                anew = course.compiler.recompiles
                answer = self._merged.answer(network, compiled, change, call, when_idle=anew)
        except Exception as error:
            log.warning("a compiled network failed, and the plain one takes over: %s", error)
            course.there.pop(compiled.rows, None)
            course.declined.add(compiled.rows)
            return None
        if network.model and answer is not None:
            # With it goes by how many rows it was filled up.
            self._ran(network.model, max(0, compiled.rows - call.rows))
        return answer

    def _course(self, network: Network, call: Call) -> Course:
        courses = self._courses.setdefault(network, {})
        signature = call.signature
        course = courses.pop(signature, None)
        if course is None:
            self._make_room(courses)
            compiler = next((each for each in self._compilers if each.serves(network)), None)
            made = course = Course(call.of_rows(1), compiler)
            if compiler is not None:
                self._send(network, lambda: self._look(network, made, compiler))
        courses[signature] = course
        course.met = time.monotonic()
        return course

    def _make_room(self, courses: dict[Signature, Course]) -> None:
        """For one more kind of calls, in the place of the one that was met longest ago."""
        unmade = (kind for kind, each in courses.items() if not (each.there or each.untried))
        if len(courses) >= KINDS and (oldest := next(unmade, None)) is not None:
            del courses[oldest]

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
        elif compared.agreed and rows not in course.lost:
            course.lost[rows] = time.monotonic() + RESTING
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
        self._send(network, lambda: self._keep(network, course, compiled, compared))

    def _prepare(self, network: Network, compiled: CompiledNetwork, call: Call) -> None:
        network.make_plain()
        compiled.prepare(call, lambda size: self._room(size, self._taken))

    @property
    def _taken(self) -> int:
        """Bytes that what was compiled takes."""
        return self._merged.memory + sum(course.memory for _, course in self._all())

    # In the background

    def _begin(self, network: Network, course: Course, rows: int) -> None:
        compiler = course.compiler
        if compiler is None:
            return
        courses = self._courses[network]
        _let_unused_go(courses, compiler.most(network))
        full = _made(courses) >= compiler.most(network)
        if full or not self._room(compiler.needs(network), self._taken):
            course.resting = time.monotonic() + RESTING
            return

        def compile_it() -> None:
            try:
                if course.converted is None:
                    course.converted = compiler.convert(network, course.sample.of_rows(2))
                course.untried[rows] = course.converted.compiled(rows)
            except Exception as error:
                kind = type(network.module).__name__
                log.info("%s is not compiled by %s: %s", kind, compiler.name, error)
                # Each number of rows would fail in the same way.
                self._turn_to_next(network, course, compiler)

        self._send(network, compile_it)

    def _turn_to_next(self, network: Network, course: Course, failed: Compiler) -> None:
        """Another compiler's turn, where there is one for the network; what there is stays."""
        later = self._compilers[self._compilers.index(failed) + 1 :]
        following = next((each for each in later if each.serves(network)), None)
        if following is None or course.there or course.untried:
            course.declined.update(failed.sizes(network))
        else:
            course.compiler, course.converted = following, None

    def _look(self, network: Network, course: Course, compiler: Compiler) -> None:
        """What an earlier start found out."""
        for rows in compiler.sizes(network) if compiler.keeps else ():
            name, measured = self._named(network, course, compiler, rows)
            compared = self._cabinet.comparison(measured)
            if compared is not None and not compared.won:
                course.declined.add(rows)
                continue
            if not self._room(compiler.takes(network), self._taken):
                continue
            if (file := self._cabinet.file(name)) is None:
                continue
            try:
                compiled = compiler.load(file, network, course.sample, rows)
                self._cabinet.used(file)
            except Exception as error:
                log.info("%s is compiled anew: %s", type(network.module).__name__, error)
                continue
            if compared is None:
                course.untried[rows] = compiled
            else:
                self._use(network, course, compiled, compared)
        course.looked = True

    def _use(
        self, network: Network, course: Course, compiled: CompiledNetwork, compared: Comparison
    ) -> None:
        course.there[compiled.rows] = compiled, compared
        if network.model and course.compiler is not None:
            self._models = {**self._models, network.model: course.compiler.name}

    def _keep(
        self, network: Network, course: Course, compiled: CompiledNetwork, compared: Comparison
    ) -> None:
        compiler = course.compiler
        if not compared.won:
            compiled.let_go()
        if compiler is None or not compiler.keeps:
            return
        name, measured = self._named(network, course, compiler, compiled.rows)
        if compared.won:
            try:
                compiled.save(self._cabinet.partial(name))
                self._cabinet.filed(name)
            except (OSError, RuntimeError) as error:
                log.warning("a compiled network could not be kept: %s", error)
                self._cabinet.failed(name)
        if compared.won or not compared.agreed:
            # What was only slower is tried again by the next start, which may have less beside it.
            self._cabinet.note(measured, compared)

    def _named(
        self, network: Network, course: Course, compiler: Compiler, rows: int
    ) -> tuple[str, str]:
        """The name of its file, and of what was measured of it."""
        if network not in self._names:
            self._names[network] = compiler.about(network)
        rest = f"{course.sample.signature.name} {rows}"
        first, second = (
            hashlib.sha256(f"{about} {rest}".encode()).hexdigest() for about in self._names[network]
        )
        return first, second

    def _send(self, network: Network, errand: Callable[[], None]) -> None:
        device = network.device
        self._sent += 1

        def on_its_device() -> None:
            make_current(device)
            errand()

        self._errands.put(on_its_device)
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


def _made(courses: Mapping[Signature, Course]) -> int:
    return sum(len(each.there) + len(each.untried) for each in courses.values())


def _let_unused_go(courses: dict[Signature, Course], most: int) -> None:
    """Of so many that were made, or more, those of calls that came no more: it lies on disk."""
    for signature, course in list(courses.items()):
        if _made(courses) < most or time.monotonic() - course.met < UNUSED:
            return
        for compiled in (*(each for each, _ in course.there.values()), *course.untried.values()):
            compiled.let_go()
        del courses[signature]
