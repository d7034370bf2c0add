"""Adding from a link, and deleting, without a server: what `darkroom models` does here."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from jobs.additions.fit import Fit
from jobs.additions.found import KINDS, SECTIONS, Found, Kind
from jobs.settings import Settings
from worker.models.adding.bring import bring
from worker.models.adding.change import Deleted, NotChanged, NotThere, Shop, delete
from worker.models.adding.elsewhere.remote import Places
from worker.models.adding.examine import examine
from worker.models.adding.look_up import look_up
from worker.models.adding.place import Place
from worker.models.adding.plan import NotAddable
from worker.models.adding.settle import settle
from worker.models.inventory.fitting import Machine, fit
from worker.models.manage.manage import ManageError
from worker.models.tables import Entry

Say = Callable[[Found], None]
"""Shows what is about to be fetched."""


def shop_of(chosen: Settings) -> Shop:
    """Where the models of this machine are named and lie, as the settings say."""
    return Shop(Place(chosen.model_folders[0]), chosen.models, chosen.model_folders)


def places_of(chosen: Settings) -> Places:
    """From where models come, as the settings say."""
    token = chosen.civitai_token
    return Places.of(
        chosen.hf_endpoint,
        chosen.civitai_url,
        token.get_secret_value() if token else None,
        chosen.download_allow,
        switched_on=chosen.model_search,
    )


def fit_of(source: str, chosen: Settings, machine: Machine, here: Path) -> Fit | None:
    """Whether a model fits this machine: of a path from `here`, and of a hub id before anything is
    fetched. None where that cannot be told."""
    file = here / source
    try:
        if file.exists():
            weights = examine(file).weights
            return None if weights is None else fit(weights, machine)
        shop = shop_of(chosen)
        _, found = look_up(source, shop.place, places_of(chosen), lambda _: None, machine=machine)
        return found.fit
    except NotAddable:
        # What is wrong is said when it is added, by what adds it.
        return None


def add_link(
    source: str,
    chosen: Settings,
    say: Say,
    machine: Machine,
    *,
    name: str | None,
    section: str | None,
) -> tuple[str, str]:
    """Fetch what a link leads to into DATA/models; its section and name. Raises ManageError."""
    shop, places = shop_of(chosen), places_of(chosen)
    place = shop.place
    kind: Kind | None = KINDS[section] if section else None
    try:
        plan, found = look_up(
            source, place, places, lambda _: None, kind=kind, name=name, machine=machine
        )
        if not found.usable:
            raise NotAddable(str(found.reason))
        there = shop.catalogue().named(plan.name)
        if any(plan.section in (None, each.section) for each in there):
            raise NotAddable(f"something is named {plan.name} already; give it another with --name")
        say(found)
        addition = secrets.token_hex(12)
        staging = place.staging(addition)
        try:
            brought = bring(plan, staging, place, places, None, lambda _count, _total: None)
            added = settle(plan, brought, place, addition, kind)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except (NotAddable, NotChanged) as error:
        raise ManageError(f"{source}: {error}.") from None
    return SECTIONS[added], plan.name


def delete_here(name: str, section: str | None, chosen: Settings) -> Deleted | None:
    """Delete what lies in DATA/models, with its table if it has one; None for what does not lie
    there. Raises ManageError."""
    try:
        entry = _own(name, section, shop := shop_of(chosen))
        return None if entry is None else delete(shop, entry.section, name)
    except (NotThere, NotChanged) as error:
        raise ManageError(f"{error}.") from None


def refuse_without_table(name: str, section: str | None, chosen: Settings) -> None:
    """Raises ManageError for what is offered because it lies in DATA/models, and has no table that
    could be taken out."""
    shop = shop_of(chosen)
    named = shop.named(name, section)
    if not named and _own(name, section, shop) is not None:
        raise ManageError(
            f"{name} has no table in {chosen.models}: it is offered because it lies in"
            f" {shop.place.folder}. With --files it is deleted there."
        )


def _own(name: str, section: str | None, shop: Shop) -> Entry | None:
    named = [each for each in shop.catalogue().named(name) if section in (None, each.section)]
    return named[0] if len(named) == 1 and shop.is_own(named[0]) else None
