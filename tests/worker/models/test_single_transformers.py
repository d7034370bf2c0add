"""Transformers in one file, GGUF and quantized, the whole way: by HTTP to diffusers' picture."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gguf
import httpx
import numpy as np
import pytest
import torch
from diffusers import GGUFQuantizationConfig, TorchAoConfig
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.pipelines.auto_pipeline import AutoPipelineForText2Image
from safetensors.torch import load_file, save_file

from tests.engine.helpers import difference
from tests.running.paths import API
from tests.running.site import Site, site_in
from tests.tiny.pipelines.pipelines import SAVERS
from tests.tiny.pipelines.transformer_layouts import original
from tests.worker.families.comparing.asking import USUAL, made, picture
from tests.worker.families.comparing.stock import FAMILIES, stock
from worker.engine import TOLERANCE

Tensors = dict[str, torch.Tensor]

FAMILY_NAMES = ("flux", "sd3", "qwen-image", "z-image")
QUICK = ("flux", "sd3")

MODELS_TOML = """
[models.flux-file]
source = "files/flux.safetensors"
config = "flux-bare"
text_encoder = ["files/t5.safetensors", "files/clip.safetensors"]
vae = "files/flux-vae.safetensors"

[models.sd3-file]
source = "files/sd3.safetensors"
config = "sd3-bare"

[models.qwen-image-file]
source = "files/qwen-image.safetensors"
config = "qwen-image-half"
text_encoder = "files/qwen25.safetensors"

[models.z-image-file]
source = "files/z-image.safetensors"
config = "z-image-bare"
text_encoder = "files/qwen3.safetensors"
vae = "files/z-image-vae.safetensors"

[models.flux-q8]
source = "files/flux-q8.gguf"
config = "flux"

[models.flux-q4]
source = "files/flux-q4.gguf"
config = "flux"

[models.flux-int8]
source = "flux"
quantize = "int8"

[models.flux-fp8]
source = "files/flux.safetensors"
config = "flux"
quantize = "fp8"

[models.lacks]
source = "files/flux.safetensors"
config = "flux-bare"
vae = "files/flux-vae.safetensors"

[models.no-config]
source = "files/sd3.safetensors"

[models.scaled]
source = "files/scaled.safetensors"
config = "flux"

[models.flux-nf4]
source = "flux"
quantize = "nf4"
"""

QUANTS = {"q8": gguf.GGMLQuantizationType.Q8_0, "q4": gguf.GGMLQuantizationType.Q4_0}


def weights(folder: Path) -> Tensors:
    return load_file(next(folder.glob("*.safetensors")))


def bare(source: Path, to: Path, *keep: str) -> None:
    """A copy without weights, but for those of `keep`."""
    shutil.copytree(source, to)
    for file in to.glob("*/*.safetensors"):
        if file.parent.name not in keep:
            file.unlink()


def save_gguf(tensors: Mapping[str, torch.Tensor], file: Path, kind: Any) -> None:
    """As they are shared: matrices quantized, the rest in float32, without configuration."""
    writer = gguf.GGUFWriter(file, "flux")
    for name, tensor in tensors.items():
        numbers = tensor.float().numpy()
        if numbers.ndim == 2:
            writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, np.ascontiguousarray(numbers))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def under(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole server with these files."""
    data = tmp_path_factory.mktemp("singles")
    files = data / "files"
    files.mkdir()
    for family in FAMILY_NAMES:
        SAVERS[family](data / family)
        bare(data / family, data / f"{family}-bare")
    bare(data / "qwen-image", data / "qwen-image-half", "vae")
    flux = weights(data / "flux" / "transformer")
    save_file(original("flux", flux), files / "flux.safetensors")
    for name, kind in QUANTS.items():
        save_gguf(original("flux", flux), files / f"flux-{name}.gguf", kind)
        save_gguf(flux, data / f"own-{name}.gguf", kind)
    save_file(original("flux", flux) | {"scaled_fp8": torch.zeros(1)}, files / "scaled.safetensors")
    for family, part, name in (
        ("flux", "text_encoder_2", "t5"),
        ("flux", "vae", "flux-vae"),
        ("z-image", "vae", "z-image-vae"),
        ("qwen-image", "text_encoder", "qwen25"),
    ):
        save_file(weights(data / family / part), files / f"{name}.safetensors")
    clip = weights(data / "flux" / "text_encoder")
    save_file(
        {f"text_model.{name.removeprefix('text_model.')}": t for name, t in clip.items()},
        files / "clip.safetensors",
    )
    qwen3 = weights(data / "z-image" / "text_encoder")
    save_file(
        {f"model.{name.removeprefix('model.')}": t for name, t in qwen3.items()},
        files / "qwen3.safetensors",
    )
    sd3 = data / "sd3"
    save_file(
        under("model.diffusion_model.", original("sd3", weights(sd3 / "transformer")))
        | under("text_encoders.clip_l.transformer.", weights(sd3 / "text_encoder"))
        | under("text_encoders.clip_g.transformer.", weights(sd3 / "text_encoder_2"))
        | under("first_stage_model.", weights(sd3 / "vae")),
        files / "sd3.safetensors",
    )
    z_image = original("z-image", weights(data / "z-image" / "transformer"))
    save_file(z_image, files / "z-image.safetensors")
    qwen = weights(data / "qwen-image" / "transformer")
    save_file(under("model.diffusion_model.", qwen), files / "qwen-image.safetensors")
    tree = data / "models"
    for place, file, name in (
        ("diffusion_models", "z-image", "dropped"),
        ("text_encoders", "qwen3", "qwen_3_4b"),
        ("vae", "z-image-vae", "ae"),
    ):
        (tree / place).mkdir(parents=True)
        shutil.copy(files / f"{file}.safetensors", tree / place / f"{name}.safetensors")
    shutil.copytree(data / "z-image-bare", tree / "diffusers" / "z-image-base")
    (tree / "loras").mkdir()
    generator = torch.Generator().manual_seed(1)
    save_file(
        {
            f"transformer.{layer}.lora_{end}.weight": torch.randn(shape, generator=generator)
            for layer in ("single_transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.to_v")
            for end, shape in (("A", (4, 32)), ("B", (32, 4)))
        },
        tree / "loras" / "some.safetensors",
    )
    models = data / "models.toml"
    models.write_text(MODELS_TOML)
    with site_in(data, models=models) as site:
        yield site


def pipeline_of(data: Path, family: str, **parts: Any) -> Any:
    pipeline = AutoPipelineForText2Image.from_pretrained(data / family, **parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


ASKED = {**USUAL, "steps": 3, "seed": 4, "exact": True}


@pytest.mark.slow
def test_a_dropped_transformer_takes_what_lies_in_the_tree(client: httpx.Client):
    dropped = picture(client, made(client, model="dropped", **ASKED))
    named = picture(client, made(client, model="z-image-file", **ASKED))
    assert np.array_equal(dropped, named)


# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own code.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FAMILY_NAMES],
)
def test_a_file_with_what_is_named_beside_it_draws_as_the_folder(
    site: Site, client: httpx.Client, family: str
):
    asked = ASKED if family == "flux" else {**ASKED, "negative_prompt": "blue"}
    ours = picture(client, made(client, model=f"{family}-file", **asked))
    # The checkpoint of Stable Diffusion 3 comes without T5, as many do.
    without = {"text_encoder_3": None, "tokenizer_3": None} if family == "sd3" else {}
    pipeline = pipeline_of(site.data, family, **without)
    assert difference(ours, stock(FAMILIES[family], pipeline, asked)) <= TOLERANCE


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", ["q4", pytest.param("q8", marks=pytest.mark.slow)])
def test_a_gguf_file_draws_as_diffusers_does_from_it(site: Site, client: httpx.Client, name: str):
    ours = picture(client, made(client, model=f"flux-{name}", **ASKED))
    lora = {"loras": [{"name": "some"}]}
    changed = picture(client, made(client, model=f"flux-{name}", **lora, **ASKED))
    transformer = FluxTransformer2DModel.from_single_file(
        str(site.data / f"own-{name}.gguf"),
        config=str(site.data / "flux"),
        subfolder="transformer",
        quantization_config=GGUFQuantizationConfig(compute_dtype=torch.float32),
        torch_dtype=torch.float32,
    )
    pipeline = pipeline_of(site.data, "flux", transformer=transformer)
    assert difference(ours, stock(FAMILIES["flux"], pipeline, ASKED)) <= TOLERANCE
    assert difference(ours, picture(client, made(client, model="flux-file", **ASKED))) > 0
    pipeline.load_lora_weights(site.data / "models" / "loras" / "some.safetensors")
    assert difference(changed, stock(FAMILIES["flux"], pipeline, ASKED)) <= TOLERANCE
    assert difference(changed, ours) > 2 * TOLERANCE


# It is in no lock: whatever imports transformers imports it too, which takes longer than all else.
@pytest.mark.skipif(find_spec("torchao") is None, reason="needs the extra `quantize`")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("kind", "config"), [("int8", "Int8WeightOnlyConfig"), ("fp8", "Float8WeightOnlyConfig")]
)
def test_a_quantized_model_draws_as_diffusers_does_quantized(
    site: Site, client: httpx.Client, kind: str, config: str
):
    ours = picture(client, made(client, model=f"flux-{kind}", **ASKED))
    quantized = getattr(import_module("torchao.quantization"), config)()
    transformer = FluxTransformer2DModel.from_pretrained(
        site.data / "flux",
        subfolder="transformer",
        quantization_config=TorchAoConfig(quantized),
        torch_dtype=torch.float32,
    )
    theirs = stock(FAMILIES["flux"], pipeline_of(site.data, "flux", transformer=transformer), ASKED)
    assert difference(ours, theirs) <= TOLERANCE
    assert difference(ours, picture(client, made(client, model="flux-file", **ASKED))) > 0


def test_what_lacks_something_says_what_to_name(client: httpx.Client):
    listed = {each["name"]: each for each in client.get(f"{API}/models").json()["models"]}
    assert listed["flux-q8"]["family"] == "flux"
    assert listed["sd3-file"]["family"] == "sd3"
    problems = json.dumps(client.get(f"{API}/models").json())
    for told in (
        "has no text encoder CLIP",
        "name its file with the key `text_encoder`, such as clip_l.safetensors",
        "name with the key `config` a folder (or hub id) of Stable Diffusion 3",
        "has fp8 weights with scales of their own",
    ):
        assert told in problems, told
    assert not {"lacks", "no-config", "scaled"} & listed.keys()
    job = made(client, model="flux-nf4", **ASKED)
    done = client.get(job).json()
    while done["status"] not in ("failed", "succeeded"):
        done = client.get(job).json()
    assert done["status"] == "failed"
    assert "models.flux-nf4.quantize: nf4" in done["error"]["detail"]
