import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.checkpoints import files as checkpoints
from tests.checkpoints.files import fill
from tests.engine.helpers import load
from tests.models.helpers import REPOSITORY, edit_json
from tests.tiny.parts import (
    EmbeddingFormat,
    controlnet_entry,
    embedding_entry,
    lora_entry,
    save_tiny_controlnet,
    save_tiny_embedding,
    save_tiny_lora,
)
from worker.engine.errors import ModelUnavailable
from worker.models.catalogue import Catalogue, read_catalogue
from worker.models.files.add_ons import find, wanted_files
from worker.models.files.cards import cards
from worker.models.files.errors import SourceError
from worker.models.loading.add_ons.add_ons import load_add_on, load_embedding
from worker.models.store.embeddings import Embeddings
from worker.models.store.model_store import ModelStore

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def net_folder(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    return save_tiny_controlnet(tmp_path_factory.mktemp("nets") / "edges", tiny_folder)


def catalogue_of(tmp_path: Path, tiny_folder: Path, tables: str) -> Catalogue:
    file = tmp_path / "models.toml"
    file.write_text(f"[models.tiny]\nsource = {json.dumps(str(tiny_folder))}\n{tables}")
    return read_catalogue(file)


def saved(file: Path, **shapes: tuple[int, ...]) -> Path:
    save_file({name.replace("__", "."): torch.zeros(shape) for name, shape in shapes.items()}, file)
    return file


def test_a_model_lists_only_the_add_ons_that_fit_it(
    tmp_path: Path, tiny_folder: Path, net_folder: Path
):
    save_tiny_lora(tmp_path / "fits.safetensors", tiny_folder, "kohya")
    save_tiny_lora(tmp_path / "also.safetensors", tiny_folder, "diffusers")
    saved(
        tmp_path / "wide.safetensors",
        lora_unet_mid_block_attn2_to_k__lora_down__weight=(4, 768),
        lora_unet_mid_block_attn2_to_k__lora_up__weight=(320, 4),
    )
    save_tiny_embedding(tmp_path / "word.safetensors")
    save_tiny_embedding(tmp_path / "sdxl.safetensors", "sdxl", widths=(32, 48))
    other = tmp_path / "other"
    other.symlink_to(net_folder)
    wider = save_tiny_controlnet(tmp_path / "wider", tiny_folder)
    edit_json(wider / "config.json", block_out_channels=[320, 640])
    catalogue = catalogue_of(
        tmp_path,
        tiny_folder,
        """
        [loras.fits]
        source = "fits.safetensors"
        title = "Fits"
        description = "What it does."
        licence = "MIT"
        triggers = ["in the style"]
        [loras.also]
        source = "also.safetensors"
        [loras.wide]
        source = "wide.safetensors"
        [loras.gone]
        source = "gone.safetensors"
        [embeddings.word]
        source = "word.safetensors"
        [embeddings.sdxl]
        source = "sdxl.safetensors"
        [controlnets.edges]
        source = "other"
        [controlnets.wider]
        source = "wider"
        [upscalers.larger]
        source = "word.safetensors"
        """,
    )
    (card,), problems = cards(catalogue)
    assert [each.name for each in card.loras] == ["fits", "also"]
    assert [each.name for each in card.embeddings] == ["word"]
    assert [each.name for each in card.controlnets] == ["edges"]
    assert [each.name for each in card.upscalers] == ["larger"]
    assert card.loras[0].model_dump() == {
        "name": "fits",
        "title": "Fits",
        "description": "What it does.",
        "licence": "MIT",
        "triggers": ["in the style"],
        "family": "",
        "control_types": [],
        "task": "",
        "bytes": (tmp_path / "fits.safetensors").stat().st_size,
        "preview_url": None,
    }
    assert problems == [f"loras.gone.source: there is no file {tmp_path / 'gone.safetensors'}."]


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        ({"lora_unet_a__a1__weight": (2, 2)}, "it is GLoRA, which is not read here"),
        ({"lora_unet_a__on_input": (2,)}, "it is IA3, which is not read here"),
        ({"transformer__a__lora_A__weight": (2, 2)}, "it is a LoRA for a transformer of no family"),
        (
            {"lora_unet_double_blocks_0_img_attn_qkv__lokr_w1": (2, 2)},
            "it changes double_blocks_0_img_attn_qkv as LoKr or OFT, which is several layers here",
        ),
        (
            {
                "diffusion_model__single_blocks__0__linear1__lora_A__weight": (2, 4),
                "diffusion_model__single_blocks__0__linear1__lora_B__weight": (36, 2),
            },
            "it is a LoRA for Flux.2 or a relative, not read here",
        ),
        (
            {"diffusion_model__blocks__0__cross_attn__k__lora_A__weight": (2, 2)},
            "it is a LoRA for Wan, which is not read here",
        ),
        ({"emb_params": (2, 768)}, "it is no LoRA that is known here; it holds emb_params"),
    ],
)
def test_what_is_no_lora_is_refused_by_what_it_is(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], sentence: str
):
    entry = lora_entry(saved(tmp_path / "some.safetensors", **shapes))
    with pytest.raises(SourceError, match=sentence):
        find(entry)
    with pytest.raises(ModelUnavailable, match=f"loras.tiny.source: {sentence}"):
        load_add_on("lora", entry, CPU, torch.float32)


def test_half_a_layer_is_refused(tmp_path: Path):
    file = saved(tmp_path / "half.safetensors", unet__mid__to_k__lora_A__weight=(2, 8))
    with pytest.raises(ModelUnavailable, match=r"half a layer only: mid\.to_k\.lora_A\.weight"):
        load_add_on("lora", lora_entry(file), CPU, torch.float32)


def test_a_file_that_is_cut_off_is_named(tmp_path: Path, tiny_folder: Path):
    file = save_tiny_lora(tmp_path / "short.safetensors", tiny_folder)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SourceError, match=r"short\.safetensors is cut off: it has"):
        find(lora_entry(file))


def test_a_lora_of_the_hub_may_be_one_of_several_files(tmp_path: Path, tiny_folder: Path):
    for name in ("a", "b"):
        save_tiny_lora(tmp_path / "both" / f"{name}.safetensors", tiny_folder)
    with pytest.raises(SourceError, match=r"loras\.tiny\.file: must name one of .*: a\.safe.*, b"):
        find(lora_entry(tmp_path / "both"))
    assert find(lora_entry(tmp_path / "both", file="b.safetensors")).text == 32
    with pytest.raises(SourceError, match=r"loras\.tiny\.file: there is no file .*c\.safetensors"):
        find(lora_entry(tmp_path / "both", file="c.safetensors"))
    with pytest.raises(SourceError, match="there is no folder"):
        find(lora_entry(tmp_path / "neither"))


def test_a_lora_for_sdxl_with_stabilitys_block_numbers_names_diffusers_layers(tmp_path: Path):
    block = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
    file = saved(
        tmp_path / "sgm.safetensors",
        **{f"{block}__lora_down__weight": (4, 2048), f"{block}__lora_up__weight": (640, 4)},
        lora_te2_text_model_encoder_layers_0_self_attn_q_proj__lora_down__weight=(4, 1280),
        lora_te2_text_model_encoder_layers_0_self_attn_q_proj__lora_up__weight=(1280, 4),
    )
    weights = load_add_on("lora", lora_entry(file), CPU, torch.float32)
    assert list(weights.unet) == ["down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"]
    assert [list(each) for each in weights.text_encoders] == [
        [],
        ["encoder.layers.0.self_attn.q_proj"],
    ]
    assert find(lora_entry(file)).text == 2048


def test_a_lora_is_loaded_in_the_models_dtype(tmp_path: Path, tiny_folder: Path):
    file = save_tiny_lora(tmp_path / "some.safetensors", tiny_folder)
    weights = load_add_on("lora", lora_entry(file), CPU, torch.bfloat16)
    tensors = [each for layer in weights.unet.values() for each in (layer.down, layer.up)]
    assert {tensor.dtype for tensor in tensors} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("format", "widths", "names"),
    [
        ("a1111", (32,), ["emb_params"]),
        ("diffusers", (32,), ["<tiny>"]),
        ("sdxl", (32, 48), ["clip_l", "clip_g"]),
    ],
)
def test_an_embedding_is_read_in_every_format(
    tmp_path: Path, format: EmbeddingFormat, widths: tuple[int, ...], names: list[str]
):
    file = save_tiny_embedding(tmp_path / "word.safetensors", format, widths=widths, tokens=3)
    vectors = load_embedding(embedding_entry(file))
    assert [tuple(each.shape) for each in vectors] == [(3, width) for width in widths]
    stored = load_file(file)
    for name, vector in zip(names, vectors, strict=True):
        assert torch.equal(stored[name], vector)


def test_an_embedding_of_one_token_may_be_a_bare_vector(tmp_path: Path):
    file = tmp_path / "one.safetensors"
    save_file({"<cat-toy>": torch.arange(32.0)}, file)
    assert torch.equal(load_embedding(embedding_entry(file))[0], torch.arange(32.0)[None])
    assert find(embedding_entry(file)).tokens == (32,)


def test_what_is_no_embedding_is_refused(tmp_path: Path):
    entry = embedding_entry(saved(tmp_path / "two.safetensors", a=(2, 32), b=(2, 32)))
    with pytest.raises(ModelUnavailable, match="it is no embedding: it holds a, b, not emb_params"):
        load_embedding(entry)


def test_a_model_learns_the_embeddings_that_fit_it(tmp_path: Path, tiny_folder: Path):
    model = load("tiny", tiny_folder)
    save_tiny_embedding(tmp_path / "word.safetensors")
    save_tiny_embedding(tmp_path / "wide.safetensors", widths=(64,))
    catalogue = catalogue_of(
        tmp_path,
        tiny_folder,
        """
        [embeddings.gone]
        source = "gone.safetensors"
        [embeddings.wide]
        source = "wide.safetensors"
        [embeddings.word]
        source = "word.safetensors"
        """,
    )
    before = [model.prompts.encode(f"a {name}", None).prompt for name in ("word", "wide")]
    embeddings = Embeddings(catalogue)
    embeddings.read()
    embeddings.teach(model)
    after = [model.prompts.encode(f"a {name}", None).prompt for name in ("word", "wide")]
    assert not torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])


def test_a_model_from_the_store_knows_its_embeddings(tmp_path: Path, tiny_folder: Path):
    save_tiny_embedding(tmp_path / "word.safetensors", tokens=3)
    catalogue = catalogue_of(
        tmp_path, tiny_folder, '[embeddings.word]\nsource = "word.safetensors"'
    )
    store = ModelStore(catalogue, CPU)
    store.preload("tiny")
    model: Any = store.get("tiny")
    assert model.prompts.encode("word", None).tokens == 3
    store.close()


def test_a_controlnet_may_be_a_single_file(tmp_path: Path, net_folder: Path):
    file = tmp_path / "edges.safetensors"
    file.symlink_to(net_folder / "diffusion_pytorch_model.safetensors")
    single = controlnet_entry(file, config=str(net_folder))
    assert find(single).given == 32
    nets = [
        load_add_on("controlnet", entry, CPU, torch.float32).net.state_dict()
        for entry in (single, controlnet_entry(net_folder))
    ]
    assert nets[0].keys() == nets[1].keys()
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[0])


def test_a_controlnet_that_lacks_weights_is_refused(tmp_path: Path, tiny_folder: Path):
    folder = save_tiny_controlnet(tmp_path / "net", tiny_folder)
    file = folder / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    del tensors["controlnet_mid_block.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match=r"lacks 1 of its weights, such as controlnet_mid"):
        load_add_on("controlnet", controlnet_entry(folder), CPU, torch.float32)


def broken_net(folder: Path, net: Path, **fields: Any) -> Path:
    folder.mkdir()
    config = json.loads((net / "config.json").read_text()) | fields
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_controlnet_that_cannot_be_used_is_named(tmp_path: Path, net_folder: Path):
    pickled = broken_net(tmp_path / "pickled", net_folder)
    (pickled / "diffusion_pytorch_model.bin").touch()
    with pytest.raises(SourceError, match=r"controlnets\.tiny\.source: .*pickled weights only"):
        find(controlnet_entry(pickled))
    sparse = broken_net(tmp_path / "sparse", net_folder, _class_name="SparseControlNetModel")
    (sparse / "diffusion_pytorch_model.safetensors").touch()
    with pytest.raises(SourceError, match="it is a SparseControlNetModel, none of Contr"):
        find(controlnet_entry(sparse))
    (sparse / "config.json").unlink()
    with pytest.raises(SourceError, match=r"has no config\.json; it is no ControlNet"):
        find(controlnet_entry(sparse))


def test_a_pull_fetches_one_set_of_a_controlnets_weights():
    plain = wanted_files(controlnet_entry(Path("/a/b")))
    half = wanted_files(controlnet_entry(Path("/a/b"), variant="fp16"))
    assert (plain.allow, plain.ignore) == (
        ["config.json", "*.safetensors"],
        ["*/*", "*.*.safetensors"],
    )
    assert half.allow == ["config.json", "*.fp16.safetensors"]
    assert wanted_files(lora_entry(Path("/a/b"), file="x.safetensors")).allow == ["x.safetensors"]


def test_finding_add_ons_needs_no_torch():
    code = "import sys, worker.models.files.add_ons; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=60)


@pytest.mark.parametrize(
    ("names", "width"),
    [
        ({"lora_unet_mid_block_attentions_0_attn2_to_k__hada_w1_b": (4, 768)}, 768),
        ({"lora_unet_mid_block_attentions_0_attn2_to_k__diff": (320, 1024)}, 1024),
        (
            {
                "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_v__lokr_w1": (8, 8),
                "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_v__lokr_w2_b": (4, 256),
            },
            2048,
        ),
        ({"base_model__model__down_blocks__1__attn2__to_k__lora_A__weight": (4, 32)}, 32),
        ({"lora_unet_mid_block_resnets_0_conv1__oft_blocks": (4, 8, 8)}, None),
    ],
)
def test_how_wide_its_models_text_is_shows_in_every_kind_of_lora(
    tmp_path: Path, names: dict[str, tuple[int, ...]], width: int | None
):
    assert find(lora_entry(saved(tmp_path / "some.safetensors", **names))).text == width


def test_a_lora_that_shows_no_width_is_for_the_model_that_it_names(tmp_path: Path):
    file = tmp_path / "some.safetensors"
    metadata = {"ss_base_model_version": "sdxl_base_v1-0", "modelspec.title": "Turned"}
    tensor = torch.zeros(4, 8, 8)
    save_file({"lora_unet_mid_block_resnets_0_conv1.oft_blocks": tensor}, file, metadata=metadata)
    assert find(lora_entry(file)).text == 2048


def test_a_controlnet_of_sdxl_in_its_inventors_layout_is_read_whole(tmp_path: Path):
    """diffusers' own reading leaves out what it is told beside the text, and fails."""
    tensors = fill(checkpoints.sdxl().unet.controlnet())
    save_file(tensors, file := tmp_path / "xl.safetensors")
    entry = controlnet_entry(file)
    assert find(entry).channels == (32, 64, 128)
    net = load_add_on("controlnet", entry, CPU, torch.float32).net
    assert torch.equal(net.add_embedding.linear_2.bias, tensors["label_emb.0.2.bias"].float())
    middle = tensors["middle_block_out.0.weight"].float()
    assert torch.equal(net.controlnet_mid_block.weight, middle)
    assert not any(weight.is_meta for weight in net.parameters())


@pytest.mark.parametrize(
    ("width", "tokens", "reason"),
    [(32, 11, "has 11 vectors; a prompt's window takes 1 to 10"), (48, 2, "other text encoders")],
)
def test_an_embedding_that_does_not_fit_is_left_out_with_the_reason_in_the_log(
    tiny_folder: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    width: int,
    tokens: int,
    reason: str,
):
    word = embedding_entry(
        save_tiny_embedding(tmp_path / "word.safetensors", widths=(width,), tokens=tokens), "word"
    )
    model = load("tiny", tiny_folder)
    before = model.prompts.encode("a word", None).tokens
    with caplog.at_level("INFO"):
        embeddings = Embeddings(Catalogue({}, "tiny", embeddings={"word": word}))
        embeddings.read()
        embeddings.teach(model)
    assert model.prompts.encode("a word", None).tokens == before
    assert "embeddings.word is" in caplog.text
    assert reason in caplog.text
