"""Compiled networks with other weights merged in: those of LoRAs that all rows of a forward have.

What LoRAs add at each layer can take longer than the layers do, and a compiled network knows none
to which something could be added. So both are made again with what the LoRAs make of the weights
that they change; all others stay those of the plain network. The plain one, with the LoRAs on it,
runs until that is there, and once beside it to see that both agree.
"""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch

from worker.engine.backends.call import Call, Signature
from worker.engine.backends.compiler import CompiledNetwork, Room
from worker.engine.backends.network import Network
from worker.engine.backends.trial import distance, within
from worker.engine.ground.sideline import Arrival

log = logging.getLogger(__name__)

KEPT = 2
"""Sets of changed weights that are kept of a network: those that were used last."""

LEFT = 10.0
"""Seconds after which one that nobody used makes room: where many LoRAs take turns, each would
else be merged for a step or two."""

WORTH = 40
"""Forwards that a change is asked for before a network is compiled anew for it: some pictures'."""

EXACT = (torch.float16, torch.float32)
"""Dtypes in which weights are merged. A number of bfloat16 has eight binary places, and what a LoRA
adds is mostly less than half of the last: merged, it would be lost."""


class Change(Protocol):
    """Something that acts on a network alike for all rows."""

    @property
    def key(self) -> Hashable:
        """The same for what changes the same weights in the same way."""
        ...

    def weights(self) -> dict[str, torch.Tensor] | None:
        """The weights that change, as they become, by their names; None where it is more than
        that. Takes a moment, and memory."""
        ...


Place = tuple[Signature, int]


@dataclass(eq=False)
class Set:
    """The weights of one change, the plain network on them, and what was compiled and is."""

    weights: dict[str, torch.Tensor] | None = None
    plain: Any = None
    proof: Arrival | None = None
    networks: dict[Place, CompiledNetwork | None] = field(
        default_factory=dict[Place, CompiledNetwork | None]
    )
    proofs: dict[Place, Arrival] = field(default_factory=dict[Place, Arrival])
    proved: set[Place] = field(default_factory=set[Place])
    samples: dict[Place, Call] = field(default_factory=dict[Place, Call])
    asked: Counter[Place] = field(default_factory=Counter[Place])
    waiting: dict[Place, tuple[CompiledNetwork, Call]] = field(
        default_factory=dict[Place, tuple[CompiledNetwork, Call]]
    )
    used: float = 0.0

    @property
    def memory(self) -> int:
        """Bytes of the weights and of what is loaded on them."""
        weights = (self.weights or {}).values()
        own = sum(each.numel() * each.element_size() for each in weights)
        return own + sum(each.memory for each in list(self.networks.values()) if each)

    def let_go(self) -> None:
        """Holds nothing any more."""
        for each in self.networks.values():
            if each is not None:
                each.let_go()
        self.networks, self.waiting, self.weights, self.plain = {}, {}, None, None


class Merged:
    """Those of all networks. `send` has something done in the background, for a network."""

    def __init__(self, send: Callable[[Network, Callable[[], None]], None], room: Room) -> None:
        self._send = send
        self._room = room
        self._sets: WeakKeyDictionary[Network, OrderedDict[Hashable, Set]] = WeakKeyDictionary()

    def answer(
        self,
        network: Network,
        compiled: CompiledNetwork,
        change: Change,
        call: Call,
        *,
        when_idle: bool,
    ) -> torch.Tensor | None:
        """What the network makes of a call with the change on; None where the plain one is to be
        asked. Costs the host nothing but a look once it is there. With `when_idle` it is made where
        that pays, by `begin`."""
        found = self._set(network, change)
        place = call.signature, compiled.rows
        if found is None or found.weights is None:
            return None
        if place not in found.networks:
            if when_idle:
                found.asked[place] += 1
                if found.asked[place] == WORTH:
                    found.waiting[place] = compiled, call.of_rows(1)
                return None
            found.networks[place] = None
            self._send(network, lambda: self._load(network, compiled, found, place, call))
            return None
        own = found.networks[place]
        if own is None:
            return None
        try:
            if place not in found.proofs:
                args, kwargs = call.arguments(call.tensors)
                right = network.eager(*args, **kwargs)
                found.proofs[place] = Arrival(distance(own.run(call), right))
                return right
            return own.run(call) if self._agrees(network, found, place) else None
        except Exception as error:
            log.warning("a network with LoRAs merged failed, the plain one takes over: %s", error)
            found.networks[place] = None
            return None

    def plain(
        self, network: Network, change: Change, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> torch.Tensor | None:
        """The same by the network as it is, on the merged weights: nothing is left to be added at
        each of its layers."""
        found = self._set(network, change)
        module = found.plain if found else None
        if found is None or module is None:
            return None
        if found.proof is None:
            right = network.eager(*args, **kwargs)
            found.proof = Arrival(distance(network.run(module, *args, **kwargs), right))
            return right
        if not found.proof.is_here:
            return None
        if float(found.proof.take()) > within(network):
            log.info("%s differs with its LoRAs merged", type(network.module).__name__)
            found.plain = None
            return None
        return network.run(module, *args, **kwargs)

    def _agrees(self, network: Network, found: Set, place: Place) -> bool:
        """Whether it is known by now to answer as the plain network does."""
        if place in found.proved:
            return True
        proof, own = found.proofs[place], found.networks[place]
        if not proof.is_here:
            return False
        if float(proof.take()) <= within(network):
            found.proved.add(place)
            return True
        log.info("%s differs with its LoRAs merged", type(network.module).__name__)
        found.networks[place] = None
        if own is not None:
            own.let_go()
        return False

    def begin(self, network: Network, needs: int) -> bool:
        """Makes one of those that wait, in the background, where there is room for `needs` bytes;
        whether any waited."""
        sets = self._sets.get(network)
        found = next((each for each in sets.values() if each.waiting), None) if sets else None
        if found is None:
            return False
        place, (compiled, call) = found.waiting.popitem()
        found.networks[place] = None
        if self._room(needs):
            self._send(network, lambda: self._load(network, compiled, found, place, call))
        return True

    def unprepared(self, network: Network) -> Iterator[tuple[CompiledNetwork, Call]]:
        """What can be made faster with nothing else to do, and a call for each."""
        sets = self._sets.get(network)
        for found in list(sets.values()) if sets else ():
            for place, own in list(found.networks.items()):
                if own is not None and not own.prepared and place in found.proofs:
                    yield own, found.samples[place]

    @property
    def memory(self) -> int:
        """Bytes that all of it takes."""
        every = [list(sets.values()) for sets in list(self._sets.values())]
        return sum(each.memory for sets in every for each in sets)

    def _set(self, network: Network, change: Change) -> Set | None:
        """What there is of the change; None where others are used too much to go for it."""
        sets = self._sets.setdefault(network, OrderedDict())
        found, now = sets.get(change.key), time.monotonic()
        if found is None:
            oldest = next(iter(sets.values()), None)
            if len(sets) >= KEPT and oldest is not None:
                if now - oldest.used < LEFT:
                    return None
                sets.popitem(last=False)[1].let_go()
            found = sets[change.key] = Set()
            if network.dtype in EXACT:
                self._send(network, lambda: self._merge(network, found, change))
        found.used = now
        sets.move_to_end(change.key)
        return found

    # In the background

    def _merge(self, network: Network, found: Set, change: Change) -> None:
        if self._room(network.bytes):
            weights = change.weights()
            found.plain = None if weights is None else network.twin(weights)
            found.weights = weights

    def _load(
        self, network: Network, compiled: CompiledNetwork, found: Set, place: Place, call: Call
    ) -> None:
        weights: Mapping[str, torch.Tensor] | None = found.weights
        if weights is None:
            return
        try:
            found.samples[place] = call.of_rows(compiled.rows or call.rows)
            found.networks[place] = compiled.changed(weights)
        except Exception as error:
            log.info("%s takes no other weights: %s", type(network.module).__name__, error)
