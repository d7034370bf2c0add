"""Each usual graph becomes the job that it means."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from jobs.records.record import JobRecord
from tests.compat.comfyui import graphs
from tests.compat.comfyui.client import Comfy, opened
from tests.compat.comfyui.graphs import changed, node, sampler, text_to_image

pytestmark = pytest.mark.endpoint("POST /prompt", "POST /upload/image")

PLAIN: dict[str, Any] = {
    "kind": "text-to-image",
    "model": "small",
    "prompt": "red apple",
    "negative_prompt": "grey",
    "width": 64,
    "height": 48,
    "seed": 7,
    "steps": 20,
    "guidance_scale": 8.0,
    "sampler": "euler",
    "schedule": "normal",
    "strength": 1.0,
    "count": 1,
    "clip_skip": 1,
    "loras": [],
    "controls": [],
    "hires": None,
}


@pytest.fixture(scope="module")
def photo(comfy: Comfy) -> str:
    """The name of a picture of 96x64 that was sent: blue, its right half transparent."""
    picture = Image.new("RGBA", (96, 64), (0, 0, 255, 255))
    picture.paste((0, 255, 0, 0), (48, 0, 96, 64))
    return comfy.upload(picture, "graphs.png")["name"]


def asked(record: JobRecord) -> dict[str, Any]:
    return record.request.model_dump()


def picture(comfy: Comfy, name: str | None) -> Image.Image:
    """A picture that a job starts from."""
    assert name is not None
    return opened(comfy.quick.worker.store.read(name))


def differs(record: JobRecord) -> dict[str, Any]:
    """What a job's request has otherwise than the plain graph's."""
    fields = asked(record)
    return {name: fields[name] for name in PLAIN if fields[name] != PLAIN[name]}


def test_the_first_graph_of_all(comfy: Comfy) -> None:
    said, record = comfy.made(text_to_image())
    assert differs(record) == {}
    assert said["node_errors"] == {}
    assert said["notes"] == []


@pytest.mark.parametrize("name", ["SD 1.5/Small.ckpt", "anime\\small.safetensors", "SMALL"])
def test_a_file_is_found_by_what_it_is_called_elsewhere(comfy: Comfy, name: str) -> None:
    """Most people's files have capitals in their names, and lie in folders."""
    _, record = comfy.made(
        changed(
            text_to_image(model=["12", 0]),
            n4=node("CheckpointLoaderSimple", ckpt_name=name),
            n12=node(
                "LoraLoader",
                lora_name="styles/INK.safetensors",
                strength_model=0.5,
                strength_clip=0.5,
                model=["4", 0],
                clip=["4", 1],
            ),
        )
    )
    assert record.request.model == "small"
    assert [each.name for each in record.request.loras] == ["ink"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"seed": 2**32 + 5}, {"seed": 5}),
        ({"sampler_name": "dpmpp_2m", "scheduler": "karras"}, {"sampler": "dpmpp_2m"}),
        ({"sampler_name": "euler_ancestral"}, {"sampler": "euler_a"}),
        ({"sampler_name": "uni_pc"}, {"sampler": "unipc"}),
        ({"sampler_name": "ddim", "scheduler": "ddim_uniform"}, {"sampler": "ddim"}),
        ({"steps": "12", "cfg": "3.5"}, {"steps": 12, "guidance_scale": 3.5}),
        ({"steps": ["50", 0]}, {"steps": 9}),
    ],
)
def test_values_of_the_sampler(
    comfy: Comfy, inputs: dict[str, Any], expected: dict[str, Any]
) -> None:
    graph = changed(text_to_image(**inputs), n50=node("PrimitiveInt", value=9))
    _, record = comfy.made(graph)
    got = differs(record)
    got.pop("schedule", None)
    assert got == expected


@pytest.mark.parametrize(
    ("name", "schedule"),
    [("karras", "karras"), ("ddim_uniform", "ddim"), ("sgm_uniform", "sgm_uniform")],
)
def test_schedulers_by_their_names(comfy: Comfy, name: str, schedule: str) -> None:
    _, record = comfy.made(text_to_image(scheduler=name))
    assert record.request.schedule == schedule


def test_a_batch_is_several_pictures(comfy: Comfy) -> None:
    graph = changed(
        text_to_image(latent_image=["51", 0]),
        n5=node("EmptySD3LatentImage", width=64, height=48, batch_size=2),
        n51=node("RepeatLatentBatch", samples=["5", 0], amount=2),
    )
    said, record = comfy.made(graph)
    assert record.request.count == 4
    assert len(comfy.ended(said["prompt_id"])["outputs"]["9"]["images"]) == 4


def test_a_picture_to_start_from(comfy: Comfy, photo: str) -> None:
    _, record = comfy.made(graphs.image_to_image(photo, denoise=0.5))
    expected = {"kind": "image-to-image", "width": 96, "height": 64, "strength": 0.5, "steps": 40}
    assert differs(record) == expected
    # As in ComfyUI: what is transparent has the colour under it.
    assert picture(comfy, record.request.image).getpixel((90, 30)) == (0, 255, 0)


def test_a_picture_that_is_scaled_first(comfy: Comfy, photo: str) -> None:
    graph = changed(
        graphs.image_to_image(photo),
        n11=node("VAEEncode", pixels=["12", 0], vae=["4", 2]),
        n12=node(
            "ImageScale",
            image=["10", 0],
            upscale_method="lanczos",
            width=64,
            height=64,
            crop="center",
        ),
    )
    _, record = comfy.made(graph)
    assert (record.request.width, record.request.height) == (64, 64)
    assert record.request.resize == "crop"


def test_what_is_transparent_is_repainted(comfy: Comfy, photo: str) -> None:
    _, record = comfy.made(graphs.inpaint(photo))
    assert (record.request.kind, record.request.fill) == ("inpaint", "nothing")
    mask = picture(comfy, record.request.mask).convert("L")
    # Grown by half of grow_mask_by to each side.
    assert [mask.getpixel((x, 30)) for x in (40, 46, 60)] == [0, 255, 255]


def test_a_mask_of_its_own(comfy: Comfy, photo: str) -> None:
    mask = Image.new("RGB", (96, 64), "black")
    mask.paste((255, 0, 0), (0, 0, 20, 64))
    name = comfy.upload(mask, "mask.png")["name"]
    _, record = comfy.made(graphs.masked(photo, name))
    assert (record.request.kind, record.request.fill) == ("inpaint", "original")
    assert record.request.strength == 0.7
    found = picture(comfy, record.request.mask).convert("L")
    assert [found.getpixel((x, 30)) for x in (10, 60)] == [255, 0]


def test_padding_is_outpainting(comfy: Comfy, photo: str) -> None:
    _, record = comfy.made(graphs.outpaint(photo))
    request = record.request
    assert (request.kind, request.width, request.height) == ("outpaint", 144, 72)
    assert request.expand.model_dump() == {"left": 16, "top": 0, "right": 32, "bottom": 8}
    assert request.mask_blur == 10


def test_a_controlnet(comfy: Comfy, photo: str) -> None:
    _, record = comfy.made(graphs.control(photo))
    (control,) = record.request.controls
    assert (control.model, control.weight) == ("edges", 0.8)
    assert (control.start, control.end) == (0.1, 0.9)
    assert picture(comfy, control.image).size == (96, 64)


def test_the_plain_controlnet(comfy: Comfy, photo: str) -> None:
    inputs = {"conditioning": ["6", 0], "control_net": ["20", 0], "image": ["21", 0]}
    graph = changed(
        graphs.control(photo),
        n3=sampler(positive=["22", 0]),
        n22=node("ControlNetApply", strength=1.0, **inputs),
    )
    _, record = comfy.made(graph)
    assert [each.weight for each in record.request.controls] == [1.0]


ADVANCED: dict[str, Any] = {
    "weight_type": "linear",
    "combine_embeds": "concat",
    "embeds_scaling": "V only",
}


def looking(photo: str, **more: Any) -> graphs.Graph:
    """A model that looks at pictures: two in one adapter behind a LoRA, one in another."""
    nodes = {
        "n30": node("LoraLoaderModelOnly", lora_name="ink", strength_model=0.5, model=["4", 0]),
        "n31": node("IPAdapterModelLoader", ipadapter_file="ip-adapter_sd15.bin"),
        "n32": node("CLIPVisionLoader", clip_name="CLIP-ViT-H-14.safetensors"),
        "n33": node("LoadImage", image=photo),
        "n34": node("ImageBatch", image1=["33", 0], image2=["33", 0]),
        "n35": node(
            "IPAdapterAdvanced",
            model=["30", 0],
            ipadapter=["31", 0],
            image=["34", 0],
            start_at=0.1,
            end_at=0.8,
            attn_mask=["33", 1],
            clip_vision=["32", 0],
            **{"weight": 0.7} | ADVANCED | more,
        ),
        "n36": node("IPAdapterUnifiedLoader", model=["35", 0], preset="PLUS (high strength)"),
        "n37": node(
            "IPAdapter",
            model=["36", 0],
            ipadapter=["36", 1],
            image=["33", 0],
            weight=0.4,
            start_at=0.0,
            end_at=1.0,
            weight_type="standard",
        ),
    }
    return changed(text_to_image(model=["37", 0]), **nodes)


def test_pictures_that_an_ip_adapter_looks_at(comfy: Comfy, photo: str) -> None:
    said, record = comfy.made(looking(photo))
    first, second = record.request.ip_adapters
    assert (first.model, len(first.images)) == ("ip-adapter_sd15", 2)
    assert (first.weight, first.start, first.end) == (0.7, 0.1, 0.8)
    mask = picture(comfy, first.mask).convert("L")
    # It acts where the picture is transparent, which is ComfyUI's mask of it.
    assert [mask.getpixel((x, 30)) for x in (10, 80)] == [0, 255]
    assert (second.model, second.weight, second.mask) == ("ip-adapter-plus_sd15", 0.4, None)
    assert picture(comfy, second.images[0]).size == (96, 64)
    assert [each.weight for each in record.request.loras] == [0.5]
    assert "own image encoder" in said["notes"][0]


@pytest.mark.parametrize(
    ("input", "value", "detail"),
    [
        ("weight_type", "style transfer", "must be linear here"),
        ("combine_embeds", "average", "must be concat here"),
        ("embeds_scaling", "K+V", "must be V only here"),
        ("image_negative", ["33", 0], "not taken here"),
        ("weight", 4.5, "at most 4"),
    ],
)
def test_what_of_an_ip_adapter_is_not_done_is_refused_at_its_node(
    comfy: Comfy, photo: str, input: str, value: Any, detail: str
) -> None:
    answer = comfy.queue(looking(photo, **{input: value}))
    assert answer.status_code == 400
    (error,) = answer.json()["node_errors"]["35"]["errors"]
    assert error["extra_info"]["input_name"] == input
    assert detail in error["details"]


def test_a_lora(comfy: Comfy) -> None:
    said, record = comfy.made(graphs.lora())
    assert [(each.name, each.weight) for each in record.request.loras] == [("ink", 0.7)]
    assert said["notes"] == []


def test_a_lora_on_the_model_only_acts_there_alone(comfy: Comfy) -> None:
    inputs = {"lora_name": "ink", "strength_model": 0.5, "model": ["4", 0]}
    graph = changed(text_to_image(model=["30", 0]), n30=node("LoraLoaderModelOnly", **inputs))
    said, record = comfy.made(graph)
    (lora,) = record.request.loras
    assert (lora.weight, lora.text_encoder_weight) == (0.5, 0.0)
    assert said["notes"] == []


@pytest.mark.parametrize(
    ("graph", "hires"),
    [
        (
            graphs.second_pass(),
            {"scale": 2.0, "steps": 28, "strength": 0.5, "upscaler": "latent"},
        ),
        (
            graphs.second_pass_by_model(),
            {"scale": 2.0, "steps": 20, "strength": 0.5, "upscaler": "sharp-4x"},
        ),
    ],
)
def test_a_second_pass(comfy: Comfy, graph: graphs.Graph, hires: dict[str, Any]) -> None:
    said, record = comfy.made(graph)
    without_words = {"prompt": None, "negative_prompt": None}
    assert differs(record) == {"hires": hires | without_words}
    assert "seed of the first" in said["notes"][0]


def test_what_is_only_enlarged_in_the_end(comfy: Comfy) -> None:
    graph = changed(
        text_to_image(),
        n42=node("UpscaleModelLoader", model_name="sharp-4x"),
        n43=node("ImageUpscaleWithModel", upscale_model=["42", 0], image=["8", 0]),
        n9=node("PreviewImage", images=["43", 0]),
    )
    _, record = comfy.made(graph)
    hires = record.request.hires
    assert hires
    assert (hires.scale, hires.strength, hires.upscaler) == (4.0, 0.0, "sharp-4x")


def test_an_upscale_without_a_sampler(comfy: Comfy, photo: str) -> None:
    said, record = comfy.made(graphs.upscale(photo))
    request = record.request
    assert (request.kind, request.scale, request.upscaler) == ("upscale", 4.0, "sharp-4x")
    assert (request.width, request.height, request.strength) == (384, 256, 0.0)
    (image,) = comfy.ended(said["prompt_id"])["outputs"]["4"]["images"]
    assert image["subfolder"] == "large"
    assert image["filename"].startswith("upscaled_")


def test_an_upscale_that_is_sampled(comfy: Comfy, photo: str) -> None:
    graph = changed(
        graphs.image_to_image(photo, denoise=0.4),
        n11=node("VAEEncode", pixels=["15", 0], vae=["4", 2]),
        n14=node("UpscaleModelLoader", model_name="sharp-4x"),
        n15=node("ImageUpscaleWithModel", upscale_model=["14", 0], image=["10", 0]),
    )
    _, record = comfy.made(graph)
    assert (record.request.kind, record.request.scale) == ("upscale", 4.0)
    assert record.request.strength == 0.4


def test_an_advanced_sampler_that_walks_plainly(comfy: Comfy, photo: str) -> None:
    inputs = sampler()["inputs"] | {
        "add_noise": "enable",
        "noise_seed": 9,
        "start_at_step": 5,
        "end_at_step": 10000,
        "return_with_leftover_noise": "disable",
        "latent_image": ["11", 0],
    }
    del inputs["seed"], inputs["denoise"]
    graph = changed(graphs.image_to_image(photo), n3=node("KSamplerAdvanced", **inputs))
    _, record = comfy.made(graph)
    assert (record.request.steps, record.request.strength) == (20, 0.75)
    assert record.request.seed == 9


def test_an_output_is_the_next_ones_input(comfy: Comfy) -> None:
    said, _ = comfy.made(text_to_image())
    (image,) = comfy.ended(said["prompt_id"])["outputs"]["9"]["images"]
    graph = changed(
        graphs.image_to_image(f"{image['filename']} [output]"),
        n60=node("Note", text="for people"),
        n61=node("PreviewImage", images=["8", 0]),
    )
    said, record = comfy.made(graph)
    assert (record.request.width, record.request.height) == (64, 48)
    assert set(comfy.ended(said["prompt_id"])["outputs"]) == {"9", "61"}


def test_a_picture_that_only_bytes_tell_of(comfy: Comfy) -> None:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, "WEBP")
    answer = comfy.http.post("/upload/image", files={"image": ("a.png", file.getvalue())})
    assert answer.json() == {"name": "a.png", "subfolder": "", "type": "input"}
