"""The samplers by name: what the API lists and what a PNG's infotext calls them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SamplerInfo:
    """One sampler: our name, the title and schedule type AUTOMATIC1111 knows it by, other names."""

    name: str
    title: str
    schedule: str = "Automatic"
    aliases: tuple[str, ...] = ()


SAMPLERS: dict[str, SamplerInfo] = {
    info.name: info
    for info in (
        SamplerInfo("pndm", "PLMS", aliases=("plms",)),
        SamplerInfo("ddim", "DDIM"),
        SamplerInfo("lms", "LMS", aliases=("k_lms",)),
        SamplerInfo("euler", "Euler", aliases=("k_euler",)),
        SamplerInfo("euler_a", "Euler a", aliases=("k_euler_a", "k_euler_ancestral")),
        SamplerInfo("dpmpp_2m", "DPM++ 2M", aliases=("k_dpmpp_2m",)),
        SamplerInfo("dpmpp_2m_karras", "DPM++ 2M", schedule="Karras", aliases=("k_dpmpp_2m_ka",)),
        SamplerInfo("unipc", "UniPC"),
        SamplerInfo("lcm", "LCM"),
    )
}

_BY_ANY_NAME = {
    alias: info.name for info in SAMPLERS.values() for alias in (info.name, *info.aliases)
}


def canonical_sampler(name: str) -> str | None:
    """The sampler's own name for any name it goes by, upper or lower case; None if unknown."""
    return _BY_ANY_NAME.get(name.strip().lower())
