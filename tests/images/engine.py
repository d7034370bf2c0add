"""What builds images and runs programs from them: docker or podman, or buildah and a chroot.

Where an engine may not make containers (inside one, say), images are built all the same, and their
programs run in the image's files: as its user, its root read-only, by `unshare` and `chroot`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

USER = 1000

HERE = Path(__file__).parent


class Engine:
    """One of the programs that know images, with the options that it needs here.

    BUILD_OPTIONS are further options of each build; ENGINE_OPTIONS come before the command.
    """

    def __init__(self) -> None:
        options = shlex.split(os.environ.get("ENGINE_OPTIONS", ""))
        named = os.environ.get("ENGINE", "docker podman").split()
        found = [[path, *options] for each in named if (path := shutil.which(each))]
        self.program = next(filter(_works, found), None) or _missing()
        self.has_containers = self._has_containers()

    def build(self, target: str, folder: Path) -> None:
        """Build a target of the Dockerfile as the image darkroom-TARGET."""
        # Elsewhere than with docker an image has no health check by itself.
        docker = ["--format", "docker"] if "podman" in self.program[0] else []
        options = [*docker, *shlex.split(os.environ.get("BUILD_OPTIONS", ""))]
        self._run("build", *options, "--target", target, "--tag", name(target), str(folder))

    def config(self, target: str) -> dict[str, Any]:
        """What the image says of itself: Env, User, Cmd, Healthcheck."""
        said = json.loads(self._run("image", "inspect", name(target), quiet=True))[0]
        return {"Healthcheck": said.get("Healthcheck"), **said["Config"]}

    def start(
        self,
        target: str,
        command: Sequence[str],
        volumes: Mapping[str, Path],
        environment: Mapping[str, str],
        log: Path,
    ) -> Container:
        """Run a command in the image: as its user, on a read-only root, on this host's network."""
        config = self.config(target)
        assert config["User"] == f"{USER}:{USER}", config["User"]
        for folder in volumes.values():
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, USER, USER)
        with log.open("ab") as output:
            if self.has_containers:
                return _Contained(self, target, command, volumes, environment, output)
            root = self._run("image", "mount", name(target), quiet=True).strip()
            whole = dict(each.split("=", 1) for each in config["Env"]) | dict(environment)
            return _Unshared(Path(root), command, volumes, whole, output)

    def _has_containers(self) -> bool:
        if os.environ.get("CONTAINERS") == "false":
            return False
        return os.path.basename(self.program[0]) == "docker" or os.geteuid() != 0 or _may_limit()

    def _run(self, *arguments: str, quiet: bool = False) -> str:
        output = subprocess.PIPE if quiet else None
        done = subprocess.run([*self.program, *arguments], stdout=output, text=True, check=True)
        return done.stdout or ""

    def popen(self, *arguments: str, output: Any) -> subprocess.Popen[bytes]:
        """Start the engine's program."""
        return subprocess.Popen([*self.program, *arguments], stdout=output, stderr=output)


class Container(ABC):
    """A running program of an image."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @abstractmethod
    def run(self, *command: str) -> int:
        """Run a command beside it, as a health check is run; its exit code."""

    def stop(self) -> int:
        """Send SIGTERM, as `docker stop` does; the exit code."""
        self.process.terminate()
        return self.process.wait(60)


class _Contained(Container):
    def __init__(
        self,
        engine: Engine,
        target: str,
        command: Sequence[str],
        volumes: Mapping[str, Path],
        environment: Mapping[str, str],
        output: Any,
    ) -> None:
        self._engine = engine
        self._name = f"darkroom-try-{os.getpid()}-{command[-1]}"
        options = ["--rm", "--name", self._name, "--network", "host", "--read-only"]
        options += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp"]
        options += [f"--volume={folder}:{path}" for path, folder in volumes.items()]
        options += [f"--env={key}={value}" for key, value in environment.items()]
        super().__init__(engine.popen("run", *options, name(target), *command, output=output))

    def run(self, *command: str) -> int:
        return self._engine.popen("exec", self._name, *command, output=None).wait(60)


class _Unshared(Container):
    def __init__(
        self,
        root: Path,
        command: Sequence[str],
        volumes: Mapping[str, Path],
        environment: Mapping[str, str],
        output: Any,
    ) -> None:
        mounts = [f"{folder}:{path}" for path, folder in volumes.items()]
        whole = ["unshare", "--mount", "sh", str(HERE / "unshared.sh"), str(root), *mounts]
        variables = [f"{key}={value}" for key, value in environment.items()]
        self._begin = [*whole, "--", "env", "-i", *variables]
        super().__init__(subprocess.Popen([*self._begin, *command], stdout=output, stderr=output))

    def run(self, *command: str) -> int:
        return subprocess.run([*self._begin, *command], timeout=60, check=False).returncode


def name(target: str) -> str:
    """The image of a target, as docker-compose.yml calls it."""
    return f"darkroom-{target}"


def _works(program: list[str]) -> bool:
    return subprocess.run([*program, "info"], capture_output=True, check=False).returncode == 0


def _missing() -> NoReturn:
    raise SystemExit("Neither docker nor podman works here, and one builds images.")


def _may_limit() -> bool:
    """Whether root may give containers their limits here: not inside most sandboxes."""
    return os.access("/sys/fs/cgroup/cgroup.subtree_control", os.W_OK)
