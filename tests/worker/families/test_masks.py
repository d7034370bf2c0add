"""A masked picture of Stable Diffusion 3, whose own pipeline forgets something."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.auto_pipeline import AutoPipelineForInpainting
from PIL import Image

from tests.running.site import Site
from tests.worker.families.comparing.asking import Fields, made, picture
from tests.worker.test_kinds import scene
from worker.engine import TOLERANCE


@pytest.mark.timeout(300)
def test_a_masked_picture_of_sd3_is_diffusers_own_but_for_the_shift_that_it_leaves_out(
    site: Site, client: httpx.Client
):
    """Its inpainting pipeline encodes with the autoencoder's shift and decodes without."""
    start, mask = scene(32, 32), Image.new("L", (32, 32))
    mask.paste(255, (16, 0, 32, 32))
    asked: Fields = {"prompt": "a red apple", "strength": 0.8, "guidance_scale": 5.0}
    fields = {"kind": "inpaint", "model": "sd3", "steps": 10, "seed": 3, "mask_blur": 0} | asked
    fields["inpaint_area"] = "whole"
    ours = picture(client, made(client, image=start, mask=mask, **fields))
    pipe = AutoPipelineForInpainting.from_pretrained(site.data / "sd3")
    pipe.set_progress_bar_config(disable=True)
    latents = pipe(
        image=start,
        mask_image=mask,
        width=32,
        height=32,
        num_inference_steps=10,
        generator=torch.Generator().manual_seed(3),
        output_type="latent",
        **asked,
    ).images
    with torch.inference_mode():
        scaled = latents / pipe.vae.config.scaling_factor
        theirs = {
            shift: pipe.image_processor.postprocess(
                pipe.vae.decode(scaled + shift, return_dict=False)[0]
            )[0]
            for shift in (pipe.vae.config.shift_factor, 0.0)
        }
    painted = np.asarray(mask) == 255
    far = {
        shift: np.abs(np.asarray(each)[painted].astype(int) - ours[painted]).max()
        for shift, each in theirs.items()
    }
    assert far[pipe.vae.config.shift_factor] <= TOLERANCE
    assert far[0.0] > TOLERANCE
