from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.models.helpers import REPOSITORY, WriteModels
from worker.models.catalogue import Catalogue, CatalogueError, read_catalogue
from worker.models.files.cards import card
from worker.models.files.errors import SourceError
from worker.models.tables import AddOnTable, ControlNetTable, LoraTable, ModelTable, VaeTable

MODEL = "[models.a]\nsource = 'x'\n"


def read(tmp_path: Path, text: str) -> Catalogue:
    (tmp_path / "models.toml").write_text(text)
    return read_catalogue(tmp_path / "models.toml")


def test_the_shipped_models_toml_offers_a_model_that_is_there():
    catalogue = read_catalogue(REPOSITORY / "models.toml")
    shipped = card(catalogue[catalogue.default], default=True)
    assert (shipped.name, shipped.default) == ("emoji", True)
    assert (shipped.width, shipped.height, shipped.factor) == (128, 128, 8)


def test_the_examples_of_the_shipped_models_toml_are_valid_once_uncommented(tmp_path: Path):
    lines = (REPOSITORY / "models.toml").read_text().splitlines()
    uncommented = [
        line.removeprefix("# ") if line.startswith("# [") or " = " in line else line
        for line in lines
    ]
    catalogue = read(tmp_path, "\n".join(uncommented))
    assert set(catalogue.entries) >= {"emoji", "sd-turbo", "sd15", "my-style"}
    assert catalogue["sd-turbo"].guidance_scale == 1
    assert set(catalogue.loras) == {"ink", "lcm"}
    assert set(catalogue.embeddings) == {"negative-hands"}
    assert set(catalogue.controlnets) == {"canny", "canny-edges"}
    assert set(catalogue.ip_adapters) == {"ip-adapter-likeness"}
    assert set(catalogue.upscalers) == {"real-esrgan"}


def test_what_a_table_leaves_out_is_the_papers_default(write_models: WriteModels):
    entry = write_models(a={"source": "x"})["a"]
    assert (entry.steps, entry.guidance_scale, entry.sampler) == (50, 7.5, "pndm")


def test_the_first_model_is_the_default_where_none_is_named(write_models: WriteModels):
    assert write_models(b={"source": "x"}, a={"source": "y"}).default == "b"


def test_a_sampler_may_go_by_another_of_its_names(write_models: WriteModels):
    assert write_models(a={"source": "x", "sampler": "PLMS"})["a"].sampler == "pndm"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[models.a\n", "is not TOML"),
        ("", "names no model"),
        ("models = 3", "names no model"),
        ("defualt = 'a'\n[models.a]\nsource = 'x'", "defualt: is no key; did you mean default?"),
        ("default = 'b'\n[models.a]\nsource = 'x'", "default: 'b' is no model; there are a."),
        ("[models.a]\ntitle = 'A'", "models.a.source: is missing."),
        ("[models.a]\nsource = 'x'\nstpes = 9", "models.a.stpes: is no key; did you mean steps?"),
        ("[models.a]\nsource = 'x'\nname = 'b'", "models.a.name: is no key"),
        ("[models.a]\nsource = 'x'\nsteps = 0", "models.a.steps: should be greater than or equal"),
        ("[models.a]\nsource = 'x'\nsteps = '9'", "models.a.steps: should be a valid integer"),
        ("[models.a]\nsource = 'x'\nguidance_scale = nan", "models.a.guidance_scale: should be a"),
        ("[models.a]\nsource = 'x'\nsampler = 'magic'", "'magic' is no sampler; there are "),
        ("[models.a]\nsource = 'x'\ndtype = 'int8'", "models.a.dtype: should be 'auto', 'float32'"),
        ("[models.'Ä B']\nsource = 'x'", "a model's name is up to 64 of"),
        ("[models]\na = 'x'", "models.a: must be a table, [models.a]."),
        ("[lora.a]\nsource = 'x'", "lora: is no key; did you mean loras?"),
        (f"{MODEL}loras = 3", "models.a.loras: is no key"),
        (f"loras = 3\n{MODEL}", "loras: must hold tables such as [loras.NAME]."),
        (f"{MODEL}[loras]\na = 'x'", "loras.a: must be a table, [loras.a]."),
        (f"{MODEL}[loras.a]", "loras.a.source: is missing."),
        (f"{MODEL}[loras.A]\nsource = 'x'", "loras.A: a LoRA's name is up to 64 of a-z"),
        (f"{MODEL}[loras.a]\nsource = 'x'\ntrigers = []", "is no key; did you mean triggers?"),
        (f"{MODEL}[loras.a]\nsource = 'x'\ntriggers = 'x'", "loras.a.triggers: should be a"),
        (f"{MODEL}[loras.a]\nsource = 'x.ckpt'", "loras.a.source: a pickle can run any code"),
        (f"{MODEL}[loras.a]\nsource = 'x'\nfile = 'y.pt'", "loras.a.file: a pickle can run any"),
        (f"{MODEL}[embeddings.a]\nsource = 'x.pt'", "embeddings.a.source: a pickle can run any"),
        (f"{MODEL}[embeddings.a]\nsource = 'x'\ntriggers = []", "embeddings.a.triggers: is no"),
        (f"{MODEL}[upscalers.a]\nsource = 'x.pth'", "upscalers.a.source: a pickle can run any"),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, text: str, sentence: str):
    with pytest.raises(CatalogueError) as raised:
        read(tmp_path, text)
    assert sentence in str(raised.value)
    assert str(tmp_path / "models.toml") in str(raised.value)


def test_add_ons_have_tables_of_their_own(tmp_path: Path):
    catalogue = read(
        tmp_path,
        f"""{MODEL}
        [loras.a]
        source = "a.safetensors"
        triggers = ["in oil"]
        [embeddings.b]
        source = "someone/words"
        file = "b.safetensors"
        [controlnets.c]
        source = "c.safetensors"
        config = "someone/net"
        [upscalers.d]
        source = "d.safetensors"
        [face_restorers.e]
        source = "e.safetensors"
        detector = "yunet.onnx"
        """,
    )
    assert catalogue.loras["a"].triggers == ["in oil"]
    assert catalogue.embeddings["b"].file == "b.safetensors"
    assert catalogue.controlnets["c"].config == "someone/net"
    assert catalogue.upscalers["d"].base == tmp_path
    assert catalogue.face_restorers["e"].detector == "yunet.onnx"
    assert [*catalogue.entries] == ["a"]


def test_a_missing_models_toml_is_named(tmp_path: Path):
    with pytest.raises(CatalogueError, match=r"none\.toml: there is no such file"):
        read_catalogue(tmp_path / "none.toml")


def test_a_relative_source_starts_at_models_toml(
    write_models: WriteModels, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "here").symlink_to(tiny_folder)
    catalogue = write_models(tiny={"source": "here"})
    monkeypatch.chdir("/")
    assert card(catalogue["tiny"]).width == 16


def test_a_default_size_that_does_not_fit_the_factor_is_named(
    write_models: WriteModels, tiny_folder: Path
):
    entry = write_models(tiny={"source": str(tiny_folder), "width": 17})["tiny"]
    with pytest.raises(SourceError, match=r"models\.tiny\.width: 17 is not a multiple of 2"):
        card(entry)


@pytest.mark.parametrize(
    ("heading", "tables"),
    [("## Keys", [ModelTable]), ("## Add-ons", [AddOnTable, LoraTable, ControlNetTable, VaeTable])],
)
def test_every_key_of_a_table_is_documented(heading: str, tables: list[type[BaseModel]]):
    page = (REPOSITORY / "docs" / "models.md").read_text()
    assert heading in page
    section = page.split(heading)[1].split("\n## ")[0]
    keys = [key for table in tables for key in table.model_fields]
    assert [key for key in keys if f"`{key}`" not in section] == []
