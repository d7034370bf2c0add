"""IP-Adapters and image encoders as people have them: found, fitted, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.tiny.references import (
    VECTOR,
    WIDTH,
    ip_adapter_entry,
    save_tiny_image_encoder,
    save_tiny_ip_adapter,
)
from worker.models.files.add_ons import add_on_weights, find
from worker.models.files.errors import SourceError
from worker.models.files.references.encoders import config_of, encoder_at
from worker.models.folders.offered import read_offered
from worker.models.loading.add_ons.references import load_ip_adapter

CPU = torch.device("cpu")


@pytest.fixture
def home(tmp_path: Path, tiny_folder: Path) -> Path:
    """A folder of models as ComfyUI has it: an adapter here, an encoder there."""
    save_tiny_ip_adapter(tmp_path / "ipadapter" / "plus.safetensors", tiny_folder, "plus")
    save_tiny_image_encoder(tmp_path / "kept")
    (tmp_path / "clip_vision").mkdir()
    (tmp_path / "kept" / "model.safetensors").rename(tmp_path / "clip_vision" / "vit.safetensors")
    return tmp_path


def offered(home: Path, tiny_folder: Path) -> dict[str, str | None]:
    toml = home / "models.toml"
    toml.write_text(f'[models.tiny]\nsource = "{tiny_folder}"\n')
    catalogue, _ = read_offered(toml, [home])
    return {name: each.image_encoder for name, each in catalogue.ip_adapters.items()}


def test_an_encoder_that_lies_elsewhere_in_the_folders_is_found_by_its_widths(
    home: Path, tiny_folder: Path
):
    file = home / "clip_vision" / "vit.safetensors"
    assert offered(home, tiny_folder) == {"plus": str(file)}
    other = {name: each.repeat_interleave(2, -1) for name, each in load_file(file).items()}
    save_file({name: each.contiguous() for name, each in other.items()}, file)
    assert offered(home, tiny_folder) == {"plus": None}
    with pytest.raises(SourceError, match=rf"gives vectors of patches of {WIDTH} numbers"):
        find(ip_adapter_entry(home / "ipadapter" / "plus.safetensors"))


def test_an_encoder_beside_the_adapter_needs_no_name_and_counts_with_it(
    home: Path, tiny_folder: Path
):
    beside = save_tiny_image_encoder(home / "ipadapter" / "image_encoder")
    entry = ip_adapter_entry(home / "ipadapter" / "plus.safetensors")
    assert add_on_weights(entry)[1] == beside / "model.safetensors"
    assert find(entry).text == 32
    one, other = (load_ip_adapter(entry, CPU, torch.float32) for _ in range(2))
    assert one.encoder is other.encoder
    assert one.bytes > one.encoder.model.num_parameters() * 4


def test_an_encoder_that_reads_otherwise_is_refused_with_both_widths(home: Path):
    entry = ip_adapter_entry(home / "ipadapter" / "plus.safetensors")
    tensors = load_file(entry.source)
    tensors["image_proj.proj_in.weight"] = torch.zeros(48, 2 * WIDTH)
    save_file(tensors, entry.source)
    named = entry.model_copy(update={"image_encoder": str(home / "clip_vision/vit.safetensors")})
    with pytest.raises(SourceError, match=f"{WIDTH} numbers a patch and {VECTOR} a picture") as it:
        find(named)
    assert f"of {2 * WIDTH} numbers" in str(it.value)


def test_a_face_id_is_refused_by_name(home: Path):
    entry = ip_adapter_entry(home / "ipadapter" / "plus.safetensors")
    tensors = load_file(entry.source)
    tensors["ip_adapter.0.to_k_lora.down.weight"] = torch.zeros(2, 2)
    save_file(tensors, entry.source)
    with pytest.raises(SourceError, match="InsightFace"):
        find(entry)


@pytest.mark.parametrize(
    ("hidden", "layers", "heads", "patch", "side", "vector", "act"),
    [
        (1024, 24, 16, 14, 224, 768, "quick_gelu"),
        (1280, 32, 16, 14, 224, 1024, "gelu"),
        (1664, 48, 16, 14, 224, 1280, "gelu"),
    ],
    ids=["ViT-L", "ViT-H", "ViT-bigG"],
)
def test_the_shapes_of_a_single_file_say_the_configuration_that_it_was_made_with(
    tmp_path: Path,
    hidden: int,
    layers: int,
    heads: int,
    patch: int,
    side: int,
    vector: int,
    act: str,
):
    said = {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "patch_size": patch,
        "image_size": side,
        "projection_dim": vector,
        "hidden_act": act,
    }
    with torch.device("meta"):
        config = CLIPVisionConfig(**said)
        shapes = {
            name: list(each.shape)
            for name, each in CLIPVisionModelWithProjection(config).state_dict().items()
        }
    header = {"__metadata__": {"format": "pt"}}
    header |= {
        name: {"dtype": "F16", "shape": shape, "data_offsets": [0, 0]}
        for name, shape in shapes.items()
    }
    written = json.dumps(header).encode()
    file = tmp_path / "vit.safetensors"
    file.write_bytes(len(written).to_bytes(8, "little") + written)
    assert config_of(encoder_at(file)) == said
