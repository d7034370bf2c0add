"""Upscalers by the names that AUTOMATIC1111's clients know them by."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.request.model_card import AddOn, name_of_file
from jobs.request.notes import Note
from server.compat.a1111.errors import invalid

NO_UPSCALER = "None"
LANCZOS = "Lanczos"
NEAREST = "Nearest"

SHIPPED = (
    *("ESRGAN_4x", "R-ESRGAN 4x+", "R-ESRGAN 4x+ Anime6B", "R-ESRGAN 2x+", "R-ESRGAN AnimeVideo"),
    *("R-ESRGAN General 4xV3", "R-ESRGAN General WDN 4xV3", "RealESRGAN_x4plus"),
    *("RealESRGAN_x4plus_anime_6B", "LDSR", "ScuNET", "ScuNET GAN", "ScuNET PSNR", "SwinIR_4x"),
    *("SwinIR 4x", "DAT x2", "DAT x3", "DAT x4", "BSRGAN", "4x-UltraSharp", "4x_foolhardy_Remacri"),
)
"""Those that AUTOMATIC1111 comes with, or that its clients have as a default."""

_SHIPPED = {name.lower() for name in SHIPPED}


def upscaler_named(
    name: str | None, field: str, known: Sequence[AddOn], notes: list[Note], *, latent: bool = False
) -> str:
    """Our name of an upscaler; AUTOMATIC1111's `None` enlarges by Lanczos. Raises a 422.

    For one that AUTOMATIC1111 comes with and that is not here, the best there is stands in: the
    first with weights, else Lanczos, and a note says so. Its several `Latent (...)` differ in how
    they interpolate; here there is one.
    """
    asked = (name or NO_UPSCALER).strip().lower()
    if asked in ("none", "lanczos"):
        return "lanczos"
    if asked in ("nearest", "nearest-exact"):
        return "nearest"
    if latent and (asked == "latent" or asked.startswith("latent (")):
        return "latent"
    for each in known:
        if asked in (each.name.lower(), each.title.lower()):
            return each.name
    for each in known:
        if name_of_file(asked) == each.name:
            return each.name
    if asked in _SHIPPED:
        best = known[0].name if known else "lanczos"
        notes.append(Note(pointer=f"/{field}", detail=f"{name} is not here; {best} enlarged"))
        return best
    listed = [NO_UPSCALER, *(["Latent"] if latent else []), LANCZOS, NEAREST]
    there_are = ", ".join([*listed, *(each.name for each in known)])
    raise invalid(field, f"no upscaler is named {(name or '')[:60]!r}; there are {there_are}")
