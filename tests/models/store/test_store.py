import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.helpers import WriteModels, copy_model
from worker.engine import Engine, ImageRequest
from worker.engine.errors import ModelUnavailable
from worker.engine.families.unet import UNetModel
from worker.models.catalogue import Catalogue
from worker.models.files.sources import locate
from worker.models.loading.memory.sizes import model_bytes
from worker.models.store import failures
from worker.models.store import model_store as store_module
from worker.models.store.model_store import ModelStore

CPU = torch.device("cpu")


@pytest.fixture
def catalogue(write_models: WriteModels, tiny_folder: Path) -> Catalogue:
    """Three names for the tiny model, and one for a folder that is not there yet."""
    return write_models(
        **{name: {"source": str(tiny_folder)} for name in ("a", "b", "c")},
        late={"source": "./late"},
    )


@pytest.fixture
def one_bytes(catalogue: Catalogue) -> int:
    return 4 * locate(catalogue["a"]).parameters()


@pytest.fixture
def store(catalogue: Catalogue) -> Iterator[ModelStore]:
    opened = ModelStore(catalogue, CPU)
    yield opened
    opened.close()


@pytest.fixture
def narrow(catalogue: Catalogue, one_bytes: int) -> Iterator[ModelStore]:
    """A store with room for two of the models."""
    opened = ModelStore(catalogue, CPU, limit_bytes=int(2.5 * one_bytes), turn_s=0.3)
    yield opened
    opened.close()


def wait_for(store: ModelStore, name: str, seconds: float = 20) -> UNetModel:
    """Asks as the engine does, until the model is there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        model = store.get(name)
        if isinstance(model, UNetModel):
            return model
        time.sleep(0.01)
    raise TimeoutError(name)


def parts_of(model: UNetModel) -> list[weakref.ref[Any]]:
    return [
        weakref.ref(part) for part in (model, model.unet, model.vae, model.text_encoders[0].model)
    ]


def test_a_model_is_loaded_in_the_background_and_then_there(store: ModelStore):
    assert store.get("a") is None
    assert store.warm() == []
    model = wait_for(store, "a")
    assert model.name == "a"
    assert store.get("a") is model
    assert store.warm() == ["a"]


def test_a_preloaded_model_is_there_at_once(store: ModelStore):
    store.preload("a")
    assert store.get("a") is not None


def test_everybody_who_asks_gets_the_same_model(store: ModelStore):
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(id(wait_for(store, "a")))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_an_unknown_model_is_refused_with_the_names_there_are(store: ModelStore):
    with pytest.raises(ModelUnavailable, match="no model is named 'x'; there are a, b, c, late"):
        store.get("x")


def test_the_least_recently_asked_for_model_goes_first(narrow: ModelStore):
    narrow.preload("a")
    narrow.preload("b")
    narrow.get("a")
    narrow.preload("c")
    assert sorted(narrow.warm()) == ["a", "c"]


def test_an_unloaded_model_leaves_nothing_behind(narrow: ModelStore):
    narrow.preload("a")
    parts = parts_of(wait_for(narrow, "a"))
    narrow.preload("b")
    narrow.preload("c")
    assert narrow.warm() == ["b", "c"]
    assert [part() for part in parts] == [None] * 4


@pytest.mark.slow
def test_switching_models_again_and_again_holds_one_models_memory(
    catalogue: Catalogue, one_bytes: int
):
    store = ModelStore(catalogue, CPU, limit_bytes=int(1.5 * one_bytes))
    for _ in range(2):
        for name in ("a", "b"):
            store.preload(name)
            assert store.warm() == [name]
    gc.collect()
    alive = [thing for thing in gc.get_objects() if type(thing) is UNetModel]
    assert len([model for model in alive if model.name in "ab"]) == 1
    store.close()


def test_a_model_in_use_is_not_unloaded(narrow: ModelStore):
    narrow.preload("a")
    in_use = wait_for(narrow, "a")
    narrow.preload("b")
    narrow.preload("c")
    assert sorted(narrow.warm()) == ["a", "c"]
    assert narrow.get("a") is in_use


def test_a_load_waits_while_every_model_is_in_use(narrow: ModelStore):
    held = [wait_for(narrow, "a"), wait_for(narrow, "b")]
    assert narrow.get("c") is None
    time.sleep(0.2)
    assert narrow.get("c") is None
    held.clear()
    assert wait_for(narrow, "c").name == "c"


def test_a_loaded_model_stays_until_the_one_who_asked_comes_back_for_it(
    catalogue: Catalogue, one_bytes: int
):
    store = ModelStore(catalogue, CPU, limit_bytes=int(1.5 * one_bytes))
    assert store.get("a") is None
    assert store.get("b") is None
    time.sleep(1)
    held = wait_for(store, "a")
    assert store.warm() == ["a"]
    del held
    assert wait_for(store, "b").name == "b"
    store.close()


def test_steady_use_of_one_model_does_not_keep_another_out_for_ever(
    catalogue: Catalogue, one_bytes: int
):
    store = ModelStore(catalogue, CPU, limit_bytes=int(1.5 * one_bytes), turn_s=0.3)
    pictures = [wait_for(store, "a")]
    assert store.get("b") is None
    # New pictures of the busy model take it up as long as the store hands it out.
    until = time.monotonic() + 20
    while pictures and time.monotonic() < until:
        again = store.get("a")
        pictures = [again] if again is not None else []
        del again
        time.sleep(0.01)
    assert wait_for(store, "b").name == "b"
    assert wait_for(store, "a").name == "a"
    store.close()


def test_a_failed_load_tells_all_who_waited_and_a_later_request_tries_again(
    store: ModelStore, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(failures, "RETRY", 0.5)
    with pytest.raises(ModelUnavailable, match="there is no folder"):
        store.preload("late")
    copy_model(tiny_folder, tmp_path / "late")
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="there is no folder"):
            store.get("late")
    time.sleep(0.6)
    assert wait_for(store, "late").name == "late"


def test_a_failure_is_told_however_late_it_is_asked_for(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(failures, "RETRY", 0.05)
    assert store.get("late") is None
    time.sleep(0.5)
    with pytest.raises(ModelUnavailable, match="there is no folder"):
        store.get("late")


def test_a_failed_load_does_not_keep_the_next_from_loading(store: ModelStore):
    assert store.get("late") is None
    assert wait_for(store, "a").name == "a"


def test_a_model_that_can_never_fit_says_how_much_it_needs(catalogue: Catalogue):
    store = ModelStore(catalogue, CPU, limit_bytes=1000)
    with pytest.raises(
        ModelUnavailable,
        match=r"model: a needs 0\.00 GB of memory .* on cpu.* No way of keeping it does",
    ):
        store.preload("a")
    store.close()


def test_without_a_limit_the_free_memory_decides(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
):
    # More headroom than any machine has: each model must make room for the next.
    monkeypatch.setattr(store_module, "HEADROOM", 1 << 60)
    store = ModelStore(catalogue, CPU)
    store.preload("a")
    store.preload("b")
    assert store.warm() == ["b"]
    store.close()


def test_the_bytes_of_a_model_are_those_of_its_tensors(store: ModelStore, one_bytes: int):
    assert model_bytes(wait_for(store, "a")) == pytest.approx(one_bytes, rel=0.02)


def test_a_closed_store_lets_go_of_its_models(store: ModelStore):
    parts = parts_of(wait_for(store, "a"))
    store.close()
    gc.collect()
    assert [part() for part in parts] == [None] * 4
    with pytest.raises(ModelUnavailable, match="the worker is ending"):
        store.get("a")


def test_a_load_says_how_far_it_is(store: ModelStore, monkeypatch: pytest.MonkeyPatch):
    load = store._loads.model
    shown, looked = threading.Semaphore(0), threading.Semaphore(0)

    def held(*arguments: Any, progress: Callable[[float], None], **named: Any) -> Any:
        """The load itself, which goes on each time that somebody has looked."""

        def told(fraction: float) -> None:
            progress(fraction)
            shown.release()
            assert looked.acquire(timeout=20)

        told(0.0)
        return load(*arguments, progress=told, **named)

    monkeypatch.setattr(store._loads, "model", held)
    assert store.loading("a") is None
    assert store.get("a") is None
    seen: list[float] = []
    while store.loading("a") is not None:
        if shown.acquire(timeout=0.05):
            assert store.all_loading().keys() == {"a"}
            seen.append(store.all_loading()["a"])
            looked.release()
    assert len(seen) >= 3, seen
    assert seen == sorted(seen), seen
    assert (seen[0], 0 < seen[-1] <= 1) == (0, True), seen
    assert store.all_loading() == {}
    assert store.get("a") is not None


def test_a_model_that_waits_for_room_has_none_of_it_loaded(narrow: ModelStore):
    held = [wait_for(narrow, "a"), wait_for(narrow, "b")]
    assert narrow.get("c") is None
    time.sleep(0.2)
    assert narrow.all_loading() == {"c": 0.0}
    held.clear()
    wait_for(narrow, "c")


def test_closing_the_store_ends_a_load_under_way(store: ModelStore):
    assert store.get("a") is None
    assert store.get("b") is None
    started = time.monotonic()
    store.close()
    assert time.monotonic() - started < 5
    assert store.warm() == []
    assert [thread for thread in threading.enumerate() if thread.name == "models"] == []


def test_the_engine_frees_a_model_for_the_next_once_its_pictures_are_done(
    catalogue: Catalogue, one_bytes: int
):
    store = ModelStore(catalogue, CPU, limit_bytes=int(1.5 * one_bytes), turn_s=0.2)
    engine = Engine(store)
    for index, name in enumerate(["a", "b", "a", "b"]):
        request = ImageRequest(name, "a red apple", "", 16, 16, 3, 4.0, index, "euler")
        engine.add(f"{index}", request)
    done: dict[str, Any] = {}
    until = time.monotonic() + 40
    while not engine.idle and time.monotonic() < until:
        done.update({finished.task_id: finished for finished in engine.step()})
        if engine.waiting:
            time.sleep(0.01)
    assert sorted(done) == ["0", "1", "2", "3"]
    assert [finished.error for finished in done.values()] == [None] * 4
    store.close()
