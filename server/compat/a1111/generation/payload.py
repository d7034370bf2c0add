"""What AUTOMATIC1111's clients send to txt2img and img2img.

A field that would change the picture and is not done here is refused by name.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from jobs.request.request import InvalidRequest
from server.compat.a1111.body import (
    Flag,
    Forgiving,
    Number,
    Object,
    Positive,
    SamplesFormat,
    Text,
    Whole,
    blank,
)
from server.requests.validation import field_errors


def _only(*harmless: object, because: str) -> AfterValidator:
    """Takes the values that ask for nothing, and refuses any other with a reason."""

    def check(value: Any) -> Any:
        if value is not None and value not in harmless:
            raise ValueError(because)
        return value

    return AfterValidator(check)


STRENGTH = 0.75
"""AUTOMATIC1111's denoising_strength where none is sent."""

SAME_SAMPLER = ("Use same sampler", "Use same scheduler")
SAME_CHECKPOINT = "Use same checkpoint"


class Settings(Forgiving):
    """The `override_settings` that mean something here, beside the checkpoint."""

    CLIP_stop_at_last_layers: Annotated[
        Annotated[int, Field(ge=1, le=12)] | None, BeforeValidator(blank)
    ] = None
    samples_format: SamplesFormat = None
    sd_vae: Text = None


PASSED_OVER = (
    *("eta", "s_tmin", "s_tmax", "clip_skip", "save_images", "do_not_save_samples"),
    *("do_not_save_grid", "comments", "force_task_id", "latent_mask", "hr_additional_modules"),
    *("firstpass_image", "hr_cfg", "hr_distilled_cfg"),
)
"""Fields that AUTOMATIC1111 and Forge have, programs send by their defaults, and nothing here has a
use for."""


class Payload(Forgiving):
    """What txt2img and img2img have in common."""

    model_config = ConfigDict(extra="allow")

    prompt: Text = None
    negative_prompt: Text = None
    styles: list[str] | None = None
    seed: Whole = None
    subseed: Whole = None
    subseed_strength: Number = None
    sampler_name: Text = None
    sampler_index: Text = None
    scheduler: Text = None
    batch_size: Positive = None
    n_iter: Positive = None
    steps: Whole = None
    cfg_scale: Number = None
    distilled_cfg_scale: Number = None
    width: Positive = None
    height: Positive = None
    denoising_strength: Number = None
    override_settings: Object = None
    override_settings_restore_afterwards: Flag = None
    alwayson_scripts: Object = None
    script_name: Text = None
    script_args: list[Any] | None = None
    send_images: Flag = None

    restore_faces: Flag = None
    tiling: Flag = None
    s_churn: Annotated[Number, _only(0, because="must be 0: no sampler here takes it")] = None
    s_noise: Annotated[Number, _only(1, because="must be 1: no sampler here takes another")] = None
    s_min_uncond: Annotated[
        Number, _only(0, because="must be 0: the negative prompt is read in every step")
    ] = None
    refiner_checkpoint: Text = None
    refiner_switch_at: Any = None
    disable_extra_networks: Annotated[
        Flag, _only(False, because="must be false; leave the LoRA tags out of the prompt instead")
    ] = None
    infotext: Annotated[
        Text, _only(because="is not read; send what it says as fields of their own")
    ] = None
    seed_resize_from_w: Whole = None
    seed_resize_from_h: Whole = None

    @field_validator("seed_resize_from_w", "seed_resize_from_h")
    @classmethod
    def _no_resized_seed(cls, value: int | None) -> int | None:
        if value is not None and value > 0:
            raise ValueError("must be 0 or -1: noise of another size is not made here")
        return value

    def guidance(self, *, distilled: bool) -> dict[str, float | None]:
        """How a model is guided. Forge sends a scale of its own for the guidance that some were
        distilled with to every model; the usual one is then classifier-free, beside it."""
        if not distilled or self.distilled_cfg_scale is None:
            return {"guidance_scale": self.cfg_scale}
        usual = max(1.0, self.cfg_scale or 1.0)
        return {"guidance_scale": self.distilled_cfg_scale, "true_cfg_scale": usual}

    @property
    def unread(self) -> list[str]:
        """The names of fields that were sent and that neither this server nor AUTOMATIC1111 has."""
        of_either = {*TextToImage.model_fields, *ImageToImage.model_fields, *PASSED_OVER}
        return [name for name in self.model_extra or {} if name not in of_either]

    @property
    def setting_checkpoint(self) -> object:
        """The checkpoint of `override_settings`."""
        return (self.override_settings or {}).get("sd_model_checkpoint")

    @property
    def setting_clip_skip(self) -> int | None:
        """The layer of `override_settings`."""
        return self._settings.CLIP_stop_at_last_layers

    @property
    def setting_format(self) -> str | None:
        """The format of `override_settings`."""
        return self._settings.samples_format

    @property
    def setting_vae(self) -> str | None:
        """The autoencoder of `override_settings`."""
        return self._settings.sd_vae

    @property
    def setting_face_restorer(self) -> object:
        """The face restorer of `override_settings`."""
        return (self.override_settings or {}).get("face_restoration_model")

    @cached_property
    def _settings(self) -> Settings:
        try:
            return Settings.model_validate(self.override_settings or {})
        except ValidationError as error:
            errors = field_errors(error)
            for each in errors:
                each.pointer = f"/override_settings{each.pointer}"
            raise InvalidRequest(errors) from None


class TextToImage(Payload):
    """The body of txt2img."""

    enable_hr: Flag = None
    hr_scale: Number = None
    hr_upscaler: Text = None
    hr_second_pass_steps: Whole = None
    hr_resize_x: Whole = None
    hr_resize_y: Whole = None
    hr_sampler_name: Text = None
    hr_scheduler: Text = None
    hr_checkpoint_name: Text = None
    hr_prompt: Text = None
    hr_negative_prompt: Text = None
    firstphase_width: Whole = None
    firstphase_height: Whole = None


class ImageToImage(Payload):
    """The body of img2img."""

    init_images: list[str] | None = None
    image_cfg_scale: Number = None
    include_init_images: Flag = None
    resize_mode: Whole = None
    mask: Text = None
    mask_round: Flag = None
    mask_blur: Whole = None
    mask_blur_x: Whole = None
    mask_blur_y: Whole = None
    inpainting_fill: Whole = None
    inpaint_full_res: Flag = None
    inpaint_full_res_padding: Whole = None
    inpainting_mask_invert: Flag = None
    initial_noise_multiplier: Annotated[
        Number, _only(1, because="must be 1: the noise is not made stronger or weaker here")
    ] = None
