"""Folders of model files: what each file is, by its header, and how it is named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.checkpoints.layers import Unet, autoencoder_shapes
from worker.models.adding.examine import examine
from worker.models.adding.plan import NotAddable
from worker.models.catalogue import read_catalogue
from worker.models.files.errors import SourceError
from worker.models.files.face_restorers import CODE_FORMER, GFPGAN, RESTORE_FORMER
from worker.models.folders.kinds import kind_of
from worker.models.folders.offered import read_offered
from worker.models.folders.scan import scan, signature

UNET = Unet(32, (1, 2, 4, 4), (1, 1, 1, 0), 1, 64, linear=False)


def named(*names: str) -> dict[str, tuple[int, ...]]:
    return dict.fromkeys(names, (4, 4))


@pytest.mark.parametrize(
    ("shapes", "section"),
    [
        (named("model.diffusion_model.out.2.weight", "cond_stage_model.a"), "models"),
        (named("lora_unet_mid_block.lora_down.weight", "lora_unet_mid_block.alpha"), "loras"),
        (named("unet.down_blocks.0.attentions.0.proj_in.lora_A.weight"), "loras"),
        (named("lora_unet_mid.hada_w1_a"), "loras"),
        (UNET.controlnet(), "controlnets"),
        (named("ip_adapter.1.to_k_ip.weight", "image_proj.proj.weight"), "ip_adapters"),
        (
            {f"control_model.{key}": shape for key, shape in UNET.controlnet().items()},
            "controlnets",
        ),
        (named("controlnet_cond_embedding.conv_in.weight", "down_blocks.0.a"), "controlnets"),
        (autoencoder_shapes(), "vaes"),
        (
            {f"first_stage_model.{key}": shape for key, shape in autoencoder_shapes().items()},
            "vaes",
        ),
        (named("emb_params"), "embeddings"),
        (named("clip_l", "clip_g"), "embeddings"),
        (named("<a-cat>"), "embeddings"),
        (named("conv_first.weight", "body.0.rdb1.conv1.weight"), "upscalers"),
        (named("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"), "upscalers"),
        (named(*GFPGAN), "face_restorers"),
        (named(*(f"params_ema.{name}" for name in GFPGAN)), "face_restorers"),
        (named(*RESTORE_FORMER, *autoencoder_shapes()), "face_restorers"),
    ],
)
def test_a_file_is_what_its_tensors_are_named(shapes: dict[str, tuple[int, ...]], section: str):
    assert kind_of(shapes) == section


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["double_blocks.0.img_attn.qkv.weight"], "a Flux transformer"),
        (["model.diffusion_model.double_blocks.0.img_attn.qkv.weight"], "a Flux transformer"),
        (["model.diffusion_model.out.2.weight"], "a UNet alone: its text encoders are missing"),
        (["joint_blocks.0.x.weight"], "a transformer of Stable Diffusion 3"),
        ([*CODE_FORMER, "generator.blocks.0.weight"], "a CodeFormer, whose network spandrel"),
        (["text_model.encoder.a", "text_model.b"], "a text encoder alone"),
        (["double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight"], "an IP-Adapter"),
        (["some.thing", "other"], "unknown: it holds other, some.thing"),
    ],
)
def test_what_is_not_offered_is_said_to_be_what_it_is(names: list[str], what: str):
    with pytest.raises(SourceError, match=what):
        kind_of(named(*names))


def write(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": torch.zeros(1, 4)}, file)
    return file


def test_files_of_one_name_have_each_a_name_that_stays(tmp_path: Path):
    write(tmp_path / "deep" / "Bad Hands.safetensors")
    before = [entry.name for entry in scan([tmp_path]).entries]
    write(tmp_path / "Bad Hands.safetensors")
    write(tmp_path / "hands" / "learned_embeds.safetensors")
    after = {entry.source: entry.name for entry in scan([tmp_path]).entries}
    assert before == ["bad-hands"]
    assert after[str(tmp_path / "Bad Hands.safetensors")] == "bad-hands"
    assert after[str(tmp_path / "hands" / "learned_embeds.safetensors")] == "hands"
    assert len(set(after.values())) == 3


def test_a_folder_that_links_to_itself_and_one_that_is_not_there_end(tmp_path: Path):
    write(tmp_path / "a" / "word.safetensors")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert len(scan([tmp_path, tmp_path / "none", tmp_path / "a"]).entries) == 1


def test_what_changed_shows_without_opening_a_file(tmp_path: Path):
    before = signature([tmp_path])
    file = write(tmp_path / "word.safetensors")
    added = signature([tmp_path])
    file.write_bytes(file.read_bytes() + b" ")
    assert len({before, added, signature([tmp_path])}) == 3
    assert "more than its header says" in scan([tmp_path]).unusable[0].reason


def test_a_segmenter_of_transformers_is_one_thing_and_other_models_of_it_are_none(tmp_path: Path):
    for name, architecture in (("Tap It", "SamModel"), ("text", "CLIPTextModel")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(f'{{"architectures": ["{architecture}"]}}')
        weights = {each: torch.zeros(2, 2) for each in ("a.weight", "b.weight")}
        save_file(weights, tmp_path / name / "model.safetensors")
    found = scan([tmp_path])
    assert [(each.section, each.name) for each in found.entries] == [("segmenters", "tap-it")]
    assert [each.path.name for each in found.unusable] == ["model.safetensors"]
    with pytest.raises(NotAddable, match="it is one of the segmenters"):
        examine(tmp_path / "Tap It")


def test_models_toml_wins_over_what_lies_in_a_folder(tmp_path: Path):
    write(tmp_path / "models" / "mine.safetensors")
    write(tmp_path / "models" / "other.safetensors")
    toml = tmp_path / "models.toml"
    toml.write_text(
        '[models.a]\nsource = "x"\n'
        '[embeddings.renamed]\nsource = "models/mine.safetensors"\ntitle = "Mine"\n'
        '[embeddings.other]\nsource = "elsewhere.safetensors"\n'
    )
    catalogue, _ = read_offered(toml, [tmp_path / "models"])
    assert catalogue.entries == read_catalogue(toml).entries
    names = list(catalogue.embeddings)
    assert names[:2] == ["renamed", "other"]
    assert len(names) == 3
    assert names[2].startswith("other-")
