"""Adding from a link, and deleting, without a server: what `darkroom models` does here."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable

from jobs.additions.found import KINDS, SECTIONS, Found, Kind
from jobs.settings import Settings
from worker.models.adding.bring import bring
from worker.models.adding.change import Deleted, NotChanged, NotThere, Shop, delete
from worker.models.adding.look_up import look_up
from worker.models.adding.place import Place
from worker.models.adding.plan import NotAddable
from worker.models.adding.remote import Places
from worker.models.adding.settle import settle
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


def add_link(
    source: str, chosen: Settings, say: Say, *, name: str | None, section: str | None
) -> tuple[str, str]:
    """Fetch what a link leads to into DATA/models; its section and name. Raises ManageError."""
    shop, places = shop_of(chosen), places_of(chosen)
    place = shop.place
    kind: Kind | None = KINDS[section] if section else None
    try:
        plan, found = look_up(source, place, places, lambda _: None, kind=kind, name=name)
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
