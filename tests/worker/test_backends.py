"""A network that was compiled for this machine makes the pictures that PyTorch makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from benchmarks.load.figures import between
from benchmarks.server.told import Ledger
from tests.running.site import Site, site_in
from tests.running.waiting import until
from tests.tiny.model import save_tiny_model
from tests.tiny.parts import save_tiny_lora
from tests.worker.compiled import backend, forwards, metrics, picture
from tests.worker.families.comparing.asking import settled

pytest.importorskip("openvino", reason="OpenVINO is not installed: `make up` does on x86-64")


@pytest.fixture(scope="module")
def idle_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with nothing to do, so that its worker measures and compiles."""
    folder = tmp_path_factory.mktemp("compiled")
    save_tiny_model(folder / "tiny")
    catalogue = folder / "models.toml"
    save_tiny_lora(folder / "ink.safetensors", folder / "tiny")
    catalogue.write_text(
        '[models.tiny]\nsource = "tiny"\nsteps = 4\n[loras.ink]\nsource = "ink.safetensors"\n'
    )
    with site_in(folder / "data", warm_up=True, models=catalogue) as site:
        yield site


@pytest.mark.timeout(300)
def test_what_was_compiled_when_idle_makes_the_picture_that_pytorch_makes(idle_site: Site):
    until(lambda: backend(idle_site) == "openvino", 240)
    compiled = picture(idle_site)
    # Exact pictures always run on PyTorch.
    plain = picture(idle_site, exact=True)
    assert compiled.std() > 10
    assert np.abs(compiled - plain).max() <= 2
    until(lambda: 'darkroom_compiled_forwards_total{model="tiny"}' in metrics(idle_site), 60)
    # And so are words read.
    until(lambda: "CLIPTextModel of 1 rows" in idle_site.worker.log(), 120)
    asked = {"prompt": "a pear", "negative_prompt": "blue"}
    read = picture(idle_site, **asked)
    assert np.abs(read - compiled).max() > 2
    assert np.abs(read - picture(idle_site, **asked, exact=True)).max() <= 2
    # Two rows are as many as it was compiled for.
    assert 'darkroom_padded_rows_total{model="tiny"} 0.0' in metrics(idle_site)


@pytest.mark.timeout(300)
def test_a_benchmark_reads_what_a_worker_told_of_a_picture(idle_site: Site):
    until(lambda: backend(idle_site) == "openvino", 240)
    with httpx.Client(base_url=idle_site.url) as http:
        # What is measured when idle are forwards too.
        settled(http, "tiny")
        ledger = Ledger(http)
        before = ledger.told()
        picture(idle_site, seed=8)
        ledger.ended()
        found = between(before, ledger.told(), 1.0)
    assert found["device_share"] > 0
    assert (found["rows_a_forward"], found["padding_percent"]) == (2.0, 0.0)
    assert {"compiled_share", "queue_wait"} <= found.keys()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_traced_picture_runs_compiled_and_is_the_untraced_one(idle_site: Site):
    until(lambda: backend(idle_site) == "openvino", 240)
    began = forwards(idle_site)
    plain = picture(idle_site)
    until(lambda: forwards(idle_site) >= began + 4, 60)
    before = forwards(idle_site)
    traced = picture(idle_site, trace=True)
    assert np.array_equal(traced, plain)
    until(lambda: forwards(idle_site) >= before + 4, 60)
    job = httpx.get(f"{idle_site.url}/api/v1/jobs?limit=1").json()["jobs"][0]
    trace = httpx.get(idle_site.url + job["traces"][0]["url"]).json()
    assert [each["text"] for each in trace["words"]] == ["a", "red", "apple"]
    assert trace["sheets"]["attention"] is not None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_second_start_has_what_the_first_compiled_and_compiles_nothing(idle_site: Site):
    until(lambda: backend(idle_site) == "openvino", 240)
    first = picture(idle_site)
    until(lambda: any((idle_site.data / "compiled").glob("*.blob")), 60)
    log = idle_site.worker.log()
    compared = log.count("ms compiled")
    idle_site.worker.kill()
    idle_site.worker.wait()
    idle_site.worker.start()
    until(lambda: backend(idle_site) == "openvino", 240)
    assert np.abs(picture(idle_site) - first).max() <= 2
    assert idle_site.worker.log().count("ms compiled") <= compared


def test_the_folder_of_what_was_compiled_is_written_under_data(idle_site: Site):
    until(lambda: any(Path(idle_site.data / "compiled").glob("*.blob")), 240)
    assert (idle_site.data / "measured" / "back-ends.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_lora_that_is_asked_for_again_and_again_is_merged_and_compiled(idle_site: Site):
    until(lambda: backend(idle_site) == "openvino", 240)
    asked = {"loras": [{"name": "ink", "weight": 0.9}], "steps": 25}
    for seed in range(2):
        picture(idle_site, **asked, seed=seed)
    before = forwards(idle_site)
    # The first forward of what was compiled is compared with the plain one.
    until(lambda: picture(idle_site, **asked).any() and forwards(idle_site) > before, 120)
    compiled = picture(idle_site, **asked)
    assert np.abs(compiled - picture(idle_site, **asked, exact=True)).max() <= 2
    assert np.abs(compiled - picture(idle_site, steps=25)).max() > 2
