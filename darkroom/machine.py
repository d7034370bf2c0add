"""What this machine has: GPUs, a processor, addresses on the network, who holds a port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from jobs.settings import Settings
from jobs.whereabouts.addresses import EVERYWHERE, local_host
from jobs.whereabouts.here import lan_addresses, url


def gpus() -> list[str]:
    """The CUDA devices, as CUDA_VISIBLE_DEVICES names them; asks the driver, not torch."""
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [device.strip() for device in chosen.split(",") if device.strip() not in ("", "-1")]
    if not (program := shutil.which("nvidia-smi")):
        return []
    try:
        answer = subprocess.run(
            [program, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.splitlines() if line.strip().isdigit()]


def processor_flags() -> frozenset[str]:
    """What the processor can, in the words of Linux; empty elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    return frozenset()


def worker_devices(chosen: Settings) -> list[str | None]:
    """One entry a worker: the GPU it alone sees, or None where nothing has to be hidden from it."""
    found = gpus() if chosen.device in ("auto", "cuda") else []
    count = chosen.workers or len(found) or 1
    return [found[number % len(found)] if found else None for number in range(count)]


def is_everywhere(host: str) -> bool:
    """Whether it stands for all addresses of this machine."""
    return host in EVERYWHERE


def local_url(chosen: Settings) -> str:
    """The server's URL for this machine itself."""
    return url(chosen, local_host(chosen.host))


def names(chosen: Settings) -> list[str]:
    """All names and addresses by which this server may be called, for its certificate."""
    machine = socket.gethostname().lower()
    short = machine.partition(".")[0]
    named = [chosen.public_host or "", *chosen.allowed_hosts]
    if not is_everywhere(chosen.host):
        named.append(chosen.host)
    every = [f"{short}.local", short, machine, "localhost", *named]
    return [*filter(None, dict.fromkeys(every)), "127.0.0.1", "::1", *lan_addresses()]


def why_not_bindable(host: str, port: int) -> str | None:
    """Why nothing can listen there, in words; None where it can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except PermissionError:
        return f"Port {port} needs root: ports below 1024 are reserved. Choose a higher PORT."
    except OSError as error:
        if error.errno == 98 or "in use" in str(error):
            return f"Port {port} on {host} is in use by {_holder(port) or 'another program'}."
        return f"HOST={host} is not an address of this machine ({error.strerror})."
    return None


def _holder(port: int) -> str | None:
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr[1] == port and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f"{name} (process {connection.pid})"
    return None
