"""Graphs of the usual kinds, node by node as programs send them."""

from __future__ import annotations

import copy
from typing import Any

Graph = dict[str, dict[str, Any]]

MODEL = "small.safetensors"


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}


def sampler(**inputs: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "seed": 7,
        "steps": 20,
        "cfg": 8,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1,
        "model": ["4", 0],
        "positive": ["6", 0],
        "negative": ["7", 0],
        "latent_image": ["5", 0],
    }
    return node("KSampler", **usual | inputs)


def text_to_image(**inputs: Any) -> Graph:
    """The graph that ComfyUI opens with; `inputs` are its sampler's."""
    return {
        "3": sampler(**inputs),
        "4": node("CheckpointLoaderSimple", ckpt_name=MODEL),
        "5": node("EmptyLatentImage", width=64, height=48, batch_size=1),
        "6": node("CLIPTextEncode", text="red apple", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="grey", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }


def changed(graph: Graph, **nodes: dict[str, Any]) -> Graph:
    """The graph with other nodes, each by `n` and its id."""
    return copy.deepcopy(graph) | {name[1:]: each for name, each in nodes.items()}


def image_to_image(image: str, denoise: float = 0.5, **inputs: Any) -> Graph:
    graph = text_to_image(latent_image=["11", 0], denoise=denoise, **inputs)
    del graph["5"]
    return changed(
        graph,
        n10=node("LoadImage", image=image, upload="image"),
        n11=node("VAEEncode", pixels=["10", 0], vae=["4", 2]),
    )


def inpaint(image: str) -> Graph:
    return changed(
        image_to_image(image, denoise=1),
        n11=node(
            "VAEEncodeForInpaint", pixels=["10", 0], vae=["4", 2], mask=["10", 1], grow_mask_by=6
        ),
    )


def masked(image: str, mask: str, channel: str = "red") -> Graph:
    return changed(
        image_to_image(image),
        n3=sampler(latent_image=["12", 0], denoise=0.7),
        n12=node("SetLatentNoiseMask", samples=["11", 0], mask=["13", 0]),
        n13=node("LoadImageMask", image=mask, channel=channel),
    )


def outpaint(image: str) -> Graph:
    return changed(
        image_to_image(image, denoise=1),
        n11=node(
            "VAEEncodeForInpaint", pixels=["14", 0], vae=["4", 2], mask=["14", 1], grow_mask_by=0
        ),
        n14=node(
            "ImagePadForOutpaint",
            image=["10", 0],
            left=16,
            top=0,
            right=32,
            bottom=8,
            feathering=10,
        ),
    )


def control(image: str) -> Graph:
    return changed(
        text_to_image(positive=["22", 0], negative=["22", 1]),
        n20=node("ControlNetLoader", control_net_name="edges.safetensors"),
        n21=node("LoadImage", image=image),
        n22=node(
            "ControlNetApplyAdvanced",
            positive=["6", 0],
            negative=["7", 0],
            control_net=["20", 0],
            image=["21", 0],
            strength=0.8,
            start_percent=0.1,
            end_percent=0.9,
        ),
    )


def lora() -> Graph:
    return changed(
        text_to_image(model=["30", 0]),
        n6=node("CLIPTextEncode", text="red apple", clip=["30", 1]),
        n7=node("CLIPTextEncode", text="grey", clip=["30", 1]),
        n30=node(
            "LoraLoader",
            lora_name="ink.safetensors",
            strength_model=0.7,
            strength_clip=0.7,
            model=["4", 0],
            clip=["4", 1],
        ),
    )


def second_pass(**inputs: Any) -> Graph:
    """Latents enlarged and sampled again."""
    return changed(
        text_to_image(),
        n40=node(
            "LatentUpscale",
            samples=["3", 0],
            upscale_method="nearest-exact",
            width=128,
            height=96,
            crop="disabled",
        ),
        n41=sampler(latent_image=["40", 0], denoise=0.5, steps=14, seed=8, **inputs),
        n8=node("VAEDecode", samples=["41", 0], vae=["4", 2]),
    )


def second_pass_by_model() -> Graph:
    """Pictures enlarged by a model, brought to a size, and sampled again."""
    return changed(
        text_to_image(),
        n40=node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        n42=node("UpscaleModelLoader", model_name="sharp-4x.pth"),
        n43=node("ImageUpscaleWithModel", upscale_model=["42", 0], image=["40", 0]),
        n44=node("ImageScaleBy", image=["43", 0], upscale_method="area", scale_by=0.5),
        n45=node("VAEEncode", pixels=["44", 0], vae=["4", 2]),
        n41=sampler(latent_image=["45", 0], denoise=0.5, steps=10),
        n8=node("VAEDecode", samples=["41", 0], vae=["4", 2]),
    )


def upscale(image: str) -> Graph:
    return {
        "1": node("LoadImage", image=image),
        "2": node("UpscaleModelLoader", model_name="sharp-4x.safetensors"),
        "3": node("ImageUpscaleWithModel", upscale_model=["2", 0], image=["1", 0]),
        "4": node("SaveImage", filename_prefix="large/upscaled", images=["3", 0]),
    }
