"""The scripts of AUTOMATIC1111 beside ControlNet: what of them is done here, and what is said of
the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from jobs.request.notes import Note
from server.compat.a1111.errors import invalid

SD_UPSCALE = "sd upscale"

CONTROLNET = "controlnet"
SEED = "seed"
SAMPLER = "sampler"
SOFT_INPAINTING = "soft inpainting"

DYNAMIC_THRESHOLDING = (
    "dynamic thresholding (cfg scale fix)",
    "dynamicthresholding (cfg-fix) integrated",
)
"""The extension, and what Forge has of it."""

THRESHOLDING_FIELDS: Mapping[str, str | None] = {
    "enabled": None,
    "mimic_scale": None,
    "threshold_percentile": None,
    "mimic_mode": "Constant",
    "mimic_scale_min": None,
    "cfg_mode": "Constant",
    "cfg_scale_min": None,
    "sched_val": None,
    "separate_feature_channels": "enable",
    "scaling_startpoint": "MEAN",
    "variability_measure": "AD",
    "interpolate_phi": "1.0",
}
"""Its arguments in their order, and the value of each that is done here; none for those that may be
anything, or that say nothing beside the others."""

FREEU = "freeu integrated (sd 1.x, sd 2.x, sdxl)"
FREEU_FIELDS = ("b1", "b2", "s1", "s2")

PERTURBED = (
    "perturbedattentionguidance integrated",
    "perturbedattentionguidance integrated (sd1.x, sd2.x, sdxl)",
)
"""Perturbed-attention guidance, as two versions of Forge call it."""

LEFT_OUT = (
    *("refiner", "adetailer", "hires cfg", "hires. cfg", "hires fix cfg", "freeu", "hypertile"),
    *("extra options", "comments", "never oom integrated"),
    *("hypertile integrated", "kohya hrfix integrated"),
    *("selfattentionguidance integrated (sd 1.x, sd 2.x, sdxl)", "tiled vae", "tiled diffusion"),
    *("dynamic prompts", "api payload"),
)
"""Scripts that programs send along by their defaults and that are not here: one that is on is left
out of the picture, and a note says so."""

SEED_FIELDS = (
    *("seed", "seed_enable_extras", "subseed", "subseed_strength"),
    *("seed_resize_from_w", "seed_resize_from_h"),
)
"""What the arguments of the script Seed are, in their order."""

SAMPLER_FIELDS = ("steps", "sampler_name", "scheduler")


@dataclass(frozen=True)
class Scripts:
    """What the scripts of a request come to: fields of the request itself, whether grey in a mask
    is strength, how high guidance is tamed, what acts within a U-Net, and what is left out."""

    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    soft_inpainting: bool = False
    dynamic_thresholding: dict[str, float] | None = None
    on_unets: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[Note, ...] = ()


def scripts_of(given: Mapping[str, Any] | None) -> Scripts:
    """What `alwayson_scripts` ask for beside ControlNet. Raises a 422 for one that is on and that
    nobody here knows."""
    fields: dict[str, Any] = {}
    on_unets: dict[str, Any] = {}
    notes: list[Note] = []
    soft, thresholding = False, None
    for name, script in (given or {}).items():
        known, args = name.strip().lower(), _args(script)
        where = f"alwayson_scripts/{name[:60]}"
        if known == CONTROLNET or not _is_on(args):
            continue
        if known == SEED:
            fields |= _seed(args)
        elif known == SAMPLER:
            fields |= dict(zip(SAMPLER_FIELDS, args, strict=False))
        elif known == SOFT_INPAINTING:
            soft = True
        elif known in DYNAMIC_THRESHOLDING:
            thresholding = _thresholding(args, f"{where}/args")
        elif known == FREEU:
            on_unets["freeu"] = _freeu(args, where, notes)
        elif known in PERTURBED:
            on_unets["pag_scale"] = _perturbed(args, where, notes)
        elif known in LEFT_OUT:
            detail = f"the script {name[:60]} is not run here; the picture was made without it"
            notes.append(Note(pointer=f"/{where}", detail=detail))
        else:
            detail = f"no script is named {name[:60]!r}; there are ControlNet, Seed, Sampler, "
            others = "Soft inpainting, Dynamic Thresholding, FreeU and PerturbedAttentionGuidance"
            raise invalid("alwayson_scripts", detail + others)
    return Scripts(fields, soft, thresholding, on_unets, tuple(notes))


@dataclass(frozen=True)
class SdUpscale:
    """What the script "SD upscale" is to make of the picture of img2img."""

    upscaler: str | int
    scale: float


def sd_upscale_of(name: str | None, args: list[Any] | None) -> SdUpscale | None:
    """The arguments of that script where it is asked for. Raises a 422 for any other."""
    if name is None or name.strip().lower() == "none":
        return None
    if name.strip().lower() != SD_UPSCALE:
        detail = f"there is no script {name[:60]!r}; /sdapi/v1/scripts lists them"
        raise invalid("script_name", detail)
    given = [*(args or []), *(None,) * 4]
    upscaler, scale = given[2], given[3]
    try:
        scale = 2.0 if scale is None else float(scale)
    except (TypeError, ValueError):
        raise invalid("script_args/3", "must be a number: how many times as large") from None
    return SdUpscale(upscaler if isinstance(upscaler, str | int) else "None", scale)


def _args(script: object) -> list[Any]:
    args = cast("dict[str, Any]", script).get("args") if isinstance(script, dict) else script
    if isinstance(args, dict):
        return [args]
    return cast("list[Any]", args) if isinstance(args, list) else []


def _is_on(args: list[Any]) -> bool:
    """Whether a script's arguments ask for anything: one that is off begins with a false, has only
    empty values, or says in each of its objects that it is not enabled."""
    if not args or args[0] is False or args[0] in (None, "", "None"):
        return False
    objects = [cast("dict[str, Any]", each) for each in args if isinstance(each, dict)]
    return len(objects) < len(args) or any(map(_object_is_on, objects))


def _object_is_on(unit: dict[str, Any]) -> bool:
    for name in ("enabled", "enable", "ad_tab_enable", "is_enabled"):
        if unit.get(name) is False:
            return False
    return bool(unit) and unit.get("ad_model", "on") not in (None, "", "None")


def _seed(args: list[Any]) -> dict[str, Any]:
    given = dict(zip(SEED_FIELDS, args, strict=False))
    if not given.pop("seed_enable_extras", True):
        return {"seed": given.get("seed")}
    return given


def _thresholding(args: list[Any], where: str) -> dict[str, float]:
    """The script's arguments as our field. Raises a 422 for a way of it that is not done here."""
    for at, (value, name) in enumerate(zip(args, THRESHOLDING_FIELDS, strict=False)):
        only = THRESHOLDING_FIELDS[name]
        if only is not None and not _as_here(value, only):
            raise invalid(f"{where}/{at}", f"{name} must be {only} here; it is {value!r:.60}")
    given = dict(zip(THRESHOLDING_FIELDS, args, strict=False))
    try:
        mimic, percentile = (
            float(given.get(name, usual))
            for name, usual in (("mimic_scale", 7.0), ("threshold_percentile", 100.0))
        )
    except (TypeError, ValueError):
        raise invalid(where, "mimic_scale and threshold_percentile must be numbers") from None
    # The extension counts in hundredths, Forge in shares.
    return {"mimic_scale": mimic, "percentile": percentile if percentile <= 1 else percentile / 100}


def _freeu(args: list[Any], where: str, notes: list[Note]) -> dict[str, float]:
    """Forge's FreeU as our field. Raises a 422 for what is no number."""
    # Some programs leave out that it is on.
    given = args[1:] if isinstance(args[0], bool) else args
    _whole_walk(given[4:], (0, 1), where, notes)
    return dict(zip(FREEU_FIELDS, _numbers(given[:4], f"{where}/args"), strict=False))


def _perturbed(args: list[Any], where: str, notes: list[Note]) -> float:
    """Forge's perturbed-attention guidance as our field. Raises a 422 for what is no number."""
    _whole_walk(args[2:], (0, 0, 1), where, notes)
    return next(iter(_numbers(args[1:2], f"{where}/args")), 3.0)


def _whole_walk(given: list[Any], whole: tuple[int, ...], where: str, notes: list[Note]) -> None:
    """Notes where a script asks to act in some steps alone, or ever less."""
    if tuple(given) != whole[: len(given)]:
        detail = "acts alike in every step here, whatever its last arguments say"
        notes.append(Note(pointer=f"/{where}", detail=detail))


def _numbers(given: list[Any], where: str) -> list[float]:
    try:
        return [float(each) for each in given]
    except (TypeError, ValueError):
        raise invalid(where, f"must be numbers; they are {given!r:.60}") from None


def _as_here(value: Any, only: str) -> bool:
    if isinstance(value, bool):
        return value is (only == "enable")
    if isinstance(value, int | float):
        return only == "1.0" and value == 1
    return str(value).strip().lower() == only.lower()
