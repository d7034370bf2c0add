"""`darkroom up`: Redis, the workers and the API, started, watched and ended together."""

from __future__ import annotations

import http.client
import itertools
import logging
import os
import secrets
import signal
import socket
import time
from contextlib import closing, suppress
from pathlib import Path

from redis.exceptions import RedisError

from darkroom import machine
from darkroom.instance import AlreadyRunning, Instance, State
from darkroom.network import invitation
from darkroom.network.presence import Network
from darkroom.supervision import redis_server
from darkroom.supervision.door import Door
from darkroom.supervision.process import Process, rotate
from darkroom.supervision.programs import api_command, webhooks_command, worker_command
from darkroom.supervision.pulse import Pulse
from darkroom.supervision.redis_server import DataInUse, RedisMissing, RedisServer
from darkroom.supervision.spare import Spare
from darkroom.supervision.supervisor import Service, Supervisor
from jobs import logs
from jobs.connection import connect, place, without_password
from jobs.queue import leases
from jobs.records import workers
from jobs.request.checks import blocklist
from jobs.request.checks.blocklist import BadBlocklist
from jobs.settings import Settings, settings
from jobs.signals import GIVE_BACK
from jobs.whereabouts.addresses import local_host
from jobs.whereabouts.here import AUTHORITY

log = logging.getLogger("darkroom.up")

PATIENCE = 30
"""Seconds to wait for a Redis or a port that is about to be there."""

FAREWELL = 12
"""Seconds in which gunicorn's orphans end what they have begun, two more than they give it."""

TRIES = 3
"""Deaths of one child before the first picture can be made: then it is no accident."""


class CannotStart(Exception):
    """The reason, for whoever called `darkroom up`; it ends with exit code 1."""


class Up:
    """One run of `darkroom up`."""

    def __init__(self, chosen: Settings, instance: Instance) -> None:
        self.settings = chosen
        self.instance = instance
        self.logs = chosen.data / "logs"
        self.state = State(pid=os.getpid(), url=machine.local_url(chosen))
        self.network = Network(chosen)
        self.supervisor = Supervisor(say)
        self.dead: list[str] = []
        self.shown: set[Path] = set()
        if instance.left_over:
            # They were killed together with the supervisor that left this.
            self.dead += instance.left_over.workers
        self.pulse = Pulse()
        spare = Spare(self.logs / "spare.log", self._ended)
        self.spare = spare if chosen.spare_worker else None

    def run(self) -> None:
        """Start everything, say so, and watch until told to stop. Raises CannotStart."""
        began = time.monotonic()
        say(f"Darkroom keeps its data in {self.settings.data} and its logs in {self.logs}")
        try:
            # The API would end by it, three times, with a traceback each.
            blocklist.current()
        except BadBlocklist as error:
            raise CannotStart(str(error)) from None
        self._open_door()
        try:
            self.network.certify()
        except (OSError, ValueError) as error:
            raise CannotStart(f"There is no certificate for TLS: {error}") from None
        self.instance.tell(self.state)
        with self.network, self.supervisor, closing(self.door):
            self._start_redis()
            self._start_workers()
            self._start_api()
            if self._wait_until_ready():
                self.state.ready = True
                self._tell()
                self.network.advertise()
                self._welcome(time.monotonic() - began)
                self._watch()
            say("Stopping.")
            # Nobody is to wait for an API that does not come back.
            self.door.close()
        say("Stopped. Accepted jobs go on with the next start.")

    def _open_door(self) -> None:
        # The API of a supervisor that was killed needs a moment to let go of the port.
        deadline = time.monotonic() + (PATIENCE if self.instance.left_over else 0)
        host, port = self.settings.host, self.settings.port
        while reason := machine.why_not_bindable(host, port):
            if time.monotonic() >= deadline:
                advice = f" Stop that, or choose another: PORT={port + 1} make up"
                raise CannotStart(reason + (advice if "in use" in reason else ""))
            time.sleep(0.2)
        try:
            self.door = Door(host, port)
        except OSError as error:
            raise CannotStart(f"Nothing can listen on port {port}: {error.strerror}.") from None

    def _start_redis(self) -> None:
        began = time.monotonic()
        if url := self.settings.redis_url:
            name = _wait_for_external(url, self.supervisor)
            _step("Redis", f"{name} at {place(url)} (REDIS_URL)", began)
        else:
            server = RedisServer(self.settings.data / "redis", self.logs / "redis.log")
            url = server.url
            self.supervisor.stages.append([Service("Redis", server.spawn, 60, self._ended)])
            waiting = False
            while not server.answers():
                self._tend_start()
                if self.supervisor.stops:
                    return
                if not waiting and time.monotonic() - began > 3:
                    waiting = True
                    say("  Redis is reading its data ...")
            _step("Redis", f"{server.program} on port {server.port}", began)
        # The children find it there, whoever brought it.
        os.environ["REDIS_URL"] = url
        self.state.redis_url = without_password(url)
        self.redis = connect(url)
        self._end_leases()

    def _start_workers(self) -> None:
        devices = machine.worker_devices(self.settings)
        if self.spare:
            self.supervisor.stages.append([self.spare.service])
        self.workers = [
            self._worker(number, device) for number, device in enumerate(devices, start=1)
        ]
        self.supervisor.stages.append(self.workers)

    def _worker(self, number: int, device: str | None) -> Service:
        count = itertools.count()
        log = self.logs / f"worker-{number}.log"
        environment = {"CUDA_VISIBLE_DEVICES": device} if device else {}

        def start() -> Process:
            # A new name each time: Redis may still hold the old one's entry.
            name = f"{socket.gethostname()}-{os.getpid()}-{number}.{next(count)}"
            name += f"-{secrets.token_hex(2)}"
            self.state.workers.append(name)
            self._tell()
            if self.spare and (
                waiting := self.spare.become(name, log=log, environment=environment)
            ):
                return waiting
            return Process(
                worker_command(name),
                log=log,
                environment=environment,
                # Not to finish its jobs without a supervisor: the next start runs them again.
                death_signal=signal.SIGKILL,
            )

        return Service(f"worker {number}", start, None, self._ended, hurry=GIVE_BACK)

    def _start_api(self) -> None:
        def start() -> Process:
            self.pulse.started()
            sockets = self.door.descriptors
            return Process(
                api_command(sockets),
                log=self.logs / "api.log",
                death_signal=signal.SIGQUIT,
                keep=sockets,
            )

        def start_webhooks() -> Process:
            return Process(webhooks_command(), log=self.logs / "webhooks.log")

        self.api = Service("API", start, 40, self._ended, farewell=FAREWELL)
        webhooks = Service("webhooks", start_webhooks, 80, self._ended)
        self.supervisor.stages.append([self.api, webhooks])

    def _wait_until_ready(self) -> bool:
        """True once a job can run; False when told to stop before."""
        began = time.monotonic()
        api = worker = waiting = False
        while not (api and worker):
            self._tend_start()
            if self.supervisor.stops:
                return False
            if not waiting and time.monotonic() - began > 3:
                waiting = True
                say("  The workers load torch and a model ...")
            if not api and self._get("/api/v1/health") == 200:
                api = True
                _step("API", f"{self.state.url}", began)
            if not worker and api and self._get("/api/v1/ready") == 200 and self._worker_lives():
                worker = True
                count = len(self.workers)
                _step("worker" if count == 1 else f"{count} workers", self._devices(), began)
        return True

    def _tend_start(self) -> None:
        self.supervisor.tend(0.1)
        for stage in self.supervisor.stages:
            for service in stage:
                if service.failures >= TRIES:
                    raise CannotStart(
                        f"{service.name} ended {TRIES} times. Its log is in {self.logs}."
                    )

    def _worker_lives(self) -> bool:
        with suppress(RedisError):
            return any(each.name in self.state.workers for each in workers.live(self.redis))
        return False

    def _devices(self) -> str:
        return ", ".join(sorted({each.device for each in workers.live(self.redis)}))

    def _watch(self) -> None:
        if self.spare:
            self.spare.prepare()
        next_look = next_rotation = 0.0
        while not self.supervisor.stops:
            self.supervisor.tend(1)
            self._end_leases()
            now = time.monotonic()
            if now >= next_look and self.api.runs():
                next_look = now + 5
                if self._get("/api/v1/health", timeout=2) is not None:
                    self.pulse.answered()
                elif self.pulse.is_hung():
                    say(f"The API has not answered for {self.pulse.patience} s; ending it.")
                    self.api.kill()
            if now >= next_rotation:
                next_rotation = now + 60
                with suppress(OSError):
                    self.network.tend()
                for log in self.logs.glob("*.log"):
                    with suppress(OSError):
                        rotate(log)

    def _ended(self, process: Process) -> None:
        starting = not self.state.ready and not self.supervisor.stops
        if starting and process.exit_code() and process.log not in self.shown:
            self.shown.add(process.log)
            say("    " + process.last_lines().replace("\n", "\n    "))
        if "--name" in process.command:
            name = process.command[-1]
            self.state.workers.remove(name)
            self.dead.append(name)
            self._end_leases()

    def _end_leases(self) -> None:
        """Let others run what the dead workers held; tried again later if Redis is away."""
        while self.dead and self.state.redis_url:
            try:
                count = leases.end_leases(self.redis, self.dead[0])
            except RedisError:
                return
            name = self.dead.pop(0)
            self._tell()
            if count:
                say(f"{count} jobs of {name} run again.")

    def _tell(self) -> None:
        # Names stay in the file until their leases are ended, also across a kill of this process.
        shown = self.state.model_copy(update={"workers": self.state.workers + self.dead})
        # A full disk must not end the server.
        with suppress(OSError):
            self.instance.tell(shown)

    def _get(self, path: str, timeout: float = 1) -> int | None:
        """The status of a GET of the API; None where it does not answer."""
        host, port = local_host(self.settings.host).strip("[]"), self.settings.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=timeout, context=self.network.trusted)
            if self.settings.tls
            else http.client.HTTPConnection(host, port, timeout=timeout)
        )
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _welcome(self, seconds: float) -> None:
        url, chosen = self.state.url, self.settings
        say(f"\nReady after {seconds:.1f} s: {url}")
        with suppress(RedisError):
            say(invitation.welcome(chosen, self.redis))
        trusting = f"--cacert {chosen.tls_folder / AUTHORITY} " if chosen.tls else ""
        say(
            f"\n  curl {trusting}{url}/api/v1/jobs -H 'Content-Type: application/json' "
            """-d '{"prompt": "red apple"}'\n"""
            '  .venv/bin/darkroom generate "red apple" -o apple.png\n'
            "\nCtrl-C stops it."
        )


def up(chosen: Settings) -> int:
    """Run until told to stop; returns the exit code."""
    chosen = chosen.model_copy(update={"data": chosen.data.resolve()})
    if chosen.log_format == "json":
        logs.set_up("up")
    try:
        instance = Instance(chosen.data)
    except AlreadyRunning as running:
        say(_running(running.state, chosen))
        return 0
    except OSError as error:
        say(f"DATA={chosen.data} cannot be used: {error.strerror}.")
        return 1
    try:
        Up(chosen, instance).run()
    except (CannotStart, RedisMissing, DataInUse) as reason:
        say(f"\n{reason}")
        return 1
    finally:
        instance.close()
    return 0


def say(text: str) -> None:
    """Tell whoever looks at the terminal, or the journal."""
    if settings().log_format == "json":
        log.info("%s", text.strip())
        return
    # A terminal that was closed must not keep it from ending its children.
    with suppress(OSError):
        print(text, flush=True)


def _running(state: State | None, chosen: Settings) -> str:
    if state is None:
        return f"Darkroom is already starting with the data in {chosen.data}."
    verb = "running" if state.ready else "starting"
    return (
        f"Darkroom is already {verb}: {state.url} (process {state.pid}).\n"
        f"Ctrl-C in its terminal, or kill {state.pid}, stops it. "
        "A second one needs a DATA and a PORT of its own."
    )


def _step(what: str, how: str, began: float) -> None:
    say(f"  {what:<10}{how}  ({time.monotonic() - began:.1f} s)")


def _wait_for_external(url: str, supervisor: Supervisor) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            name, problems = redis_server.check(url)
            break
        except RedisError as error:
            if time.monotonic() > deadline or supervisor.stops:
                raise CannotStart(f"REDIS_URL does not answer: {error}") from None
            time.sleep(0.5)
        except ValueError as error:
            raise CannotStart(f"REDIS_URL is not a Redis URL: {error}") from None
    for problem in problems:
        say(f"  WARNING: {name}: {problem}")
    return name
