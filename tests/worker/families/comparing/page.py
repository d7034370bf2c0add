"""docs/families.md: what each family's tests measured on a server, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.models.files.architecture import FROM_A_PICTURE, WITH_A_MASK

WITHOUT_PICTURES = ("text-to-image", "walk")

PAGE = "docs/families.md"

INTRODUCTION = """# Families

What `make families` measured: a whole server, tiny random models of each family's own classes in
fp32, jobs by HTTP that come at once with other prompts, steps, sizes and guidance, and their PNGs
beside diffusers' own pictures. *Rows* and *forwards* are those of `darkroom_forward_rows` in
`/metrics`: one at a time there would be as many forwards as steps. *Apart* is the most that any
number of a picture differs by, of 255: from diffusers' picture, and from the same job alone.

"""

HEADER = (
    "| family | pictures, their steps | rows in forwards | apart from diffusers | apart from alone"
    " | kinds | added | left out |\n|---|---|---|---|---|---|---|---|\n"
)

NOTES = """
- *Kinds*: all are text-to-image, image-to-image, inpaint, outpaint, upscale, variations, walks and
  second passes (`hires`). `test_kinds.py` compares image-to-image and masks of each family with
  diffusers' pipelines, or with its own begun in the middle, `test_larger.py` second passes,
  outpainting and variations with the same made by hand; `tests/edits` compares edits.
- *Added*: LoRAs are compared in `tests/worker/models/test_transformer_loras.py` under diffusers',
  kohya's, ComfyUI's and XLabs' names, ControlNets in `test_controls.py`, as folders and as single
  files.
- `test_mixed.py` sends Stable Diffusion 1, SDXL, Flux and Qwen-Image at once; `test_under_way.py`
  looks at progress, previews and cancelling of each family.
- `tests/worker/models/test_single_transformers.py` reads single files, GGUF and int8;
  `tests/pretended` runs each family and kind as on a GPU, in float16 and bfloat16.
- Whatever else diffusers' auto pipelines load runs whole.
"""

TEXTS = "learned words"

SAID: Mapping[str, tuple[str, str]] = {
    "sd3": ("LoRA, ControlNet", f"{TEXTS}; ControlNets that are shown a mask"),
    "flux": (
        "LoRA, ControlNet; edits (Kontext), masks of its own (Fill)",
        f"{TEXTS}; IP-Adapters and Redux; ControlNets that are shown a mask, MistoLine's",
    ),
    "qwen-image": (
        "LoRA, ControlNet; edits (Edit, up to three pictures)",
        f"{TEXTS}; Layered shares no forwards; ControlNets that are shown a mask",
    ),
    "qwen-image-21": (
        "edits, up to three pictures",
        f"{TEXTS}, LoRAs, ControlNets, single files; pictures that are clear in places",
    ),
    "z-image": ("LoRA", f"{TEXTS}; ControlNets; Omni shares no forwards"),
    "sana": ("LoRA, not compared", f"{TEXTS}; ControlNets, PAG"),
    "sana-sprint": ("", f"{TEXTS}, LoRAs; other samplers than its own"),
    "pixart-sigma": ("LoRA, not compared", TEXTS),
    "lumina2": ("LoRA", TEXTS),
    "flux2": ("edits, up to ten pictures", f"{TEXTS}, LoRAs, ControlNets, single files"),
    "flux2-klein": ("edits, up to four pictures", f"{TEXTS}, LoRAs, ControlNets, single files"),
    "chroma": ("", f"{TEXTS}, LoRAs, ControlNets, single files"),
    "hidream": (
        "",
        f"{TEXTS}, LoRAs, its edits (E1), single files; sizes beyond those that it was trained at",
    ),
    "kolors": ("LoRA", f"{TEXTS}, its ControlNets and IP-Adapters, single files"),
}
"""By families what can be added, and what they do not do here."""

USUAL: tuple[str, ...] = (*WITHOUT_PICTURES, *FROM_A_PICTURE, *WITH_A_MASK)
"""What is meant by all kinds."""


@dataclass(frozen=True)
class Figures:
    """What one family's test found."""

    steps: tuple[int, ...]
    rows: int
    forwards: int
    apart: int
    alone: int | None
    kinds: tuple[str, ...]

    def line(self, family: str) -> str:
        """Its line of the table."""
        added, left_out = SAID[family]
        steps = ", ".join(map(str, self.steps))
        alone = "-" if self.alone is None else self.alone
        others = [kind for kind in self.kinds if kind not in USUAL]
        every = set(USUAL) <= set(self.kinds)
        kinds = ", ".join(["all", *others] if every else self.kinds)
        shown = (
            f"{len(self.steps)}: {steps}",
            f"{self.rows} in {self.forwards}",
            self.apart,
            alone,
            kinds,
            added or "-",
            left_out or "-",
        )
        return f"| `{family}` | {' | '.join(map(str, shown))} |\n"


def write_page(target: Path, found: Mapping[str, Figures]) -> None:
    """Writes the page, a line for each family that was measured."""
    lines = [found[family].line(family) for family in SAID if family in found]
    target.write_text(INTRODUCTION + HEADER + "".join(lines) + NOTES, encoding="utf-8")
