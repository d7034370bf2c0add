"""What steers a picture beside its words, and what is done to it last, as an infotext has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.recipes.written import number
from jobs.request.request import ResolvedRequest

CFG_PLUS_PLUS = "CFG++"

FREEU = "FreeU"
"""Its numbers, such as `b1 1.5, b2 1.6, s1 0.9, s2 0.2`."""

TILING = "Tiling"
TILINGS = {"both": "True", "x": "x", "y": "y"}
"""AUTOMATIC1111 says whether all edges meet; one way alone is ours."""

THRESHOLDING = "Dynamic thresholding enabled"
MIMIC, PERCENTILE = "Mimic scale", "Threshold percentile"
"""As the extension for AUTOMATIC1111 writes it, the percentile in hundredths."""

AS_HERE = {
    "Separate Feature Channels": "True",
    "Scaling Startpoint": "MEAN",
    "Variability Measure": "AD",
    "Interpolate Phi": "1",
    "Mimic mode": "Constant",
    "CFG mode": "Constant",
}
"""What else that extension says, where it is what is done here."""

FACES, FACES_STRENGTH = "Face restoration", "Face restoration strength"
"""AUTOMATIC1111 says by which; how far is ours."""

OFF = ("False", "None", "0", "Disabled", "")
"""Values of what was not done."""


def written(request: ResolvedRequest) -> dict[str, object]:
    """What is said of it, by the names that it goes by."""
    fields: dict[str, object] = {}
    if request.cfg_plus_plus:
        fields[CFG_PLUS_PLUS] = "True"
    if request.pag_scale:
        fields["PAG scale"] = request.pag_scale
    if request.freeu:
        fields[FREEU] = ", ".join(f"{name} {n:g}" for name, n in request.freeu)
    if request.dynamic_thresholding:
        fields[THRESHOLDING] = "True"
        fields[MIMIC] = f"{request.dynamic_thresholding.mimic_scale:g}"
        fields[PERCENTILE] = f"{100 * request.dynamic_thresholding.percentile:g}"
    if request.tiling != "none":
        fields[TILING] = TILINGS[request.tiling]
    if request.restore_faces:
        fields[FACES] = request.restore_faces.model
        if request.restore_faces.strength < 1:
            fields[FACES_STRENGTH] = request.restore_faces.strength
    return fields


def read(values: Mapping[str, str]) -> tuple[dict[str, Any], set[str]]:
    """The fields of a request that a text's settings mean, and the names of those settings."""
    fields: dict[str, Any] = {}
    known = {name for name, value in AS_HERE.items() if values.get(name) == value}
    ways = {said: way for way, said in TILINGS.items()}
    if (way := ways.get(values.get(TILING, ""))) is not None:
        fields["tiling"] = way
        known.add(TILING)
    if values.get(CFG_PLUS_PLUS) == "True":
        fields["cfg_plus_plus"] = True
        known.add(CFG_PLUS_PLUS)
    if FREEU in values:
        said = (each.partition(" ") for each in values[FREEU].split(", "))
        fields["freeu"] = {name: number(value) for name, _, value in said}
        known.add(FREEU)
    if values.get(THRESHOLDING) == "True":
        share = number(values.get(PERCENTILE, "100"))
        fields["dynamic_thresholding"] = {
            "mimic_scale": number(values.get(MIMIC, "7")),
            "percentile": share / 100 if isinstance(share, int | float) else share,
        }
        known |= {THRESHOLDING, MIMIC, PERCENTILE}
    return fields, known
