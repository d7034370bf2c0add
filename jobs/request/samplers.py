"""The samplers and schedules by name: what a request may say, the API lists and a PNG calls them.

What each one does is in `worker/engine/sampling/recipes.py`; a test holds the two tables equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.sentences import Sentence, say

AUTOMATIC = "automatic"


@dataclass(frozen=True)
class ScheduleInfo:
    """One way to space a sampler's steps: our name, AUTOMATIC1111's label, other names.

    `default_rho` and `need_inner_model` are what AUTOMATIC1111's API says of it.
    """

    name: str
    label: str
    description: str
    aliases: tuple[str, ...] = ()
    default_rho: float = -1.0
    need_inner_model: bool = False


SCHEDULES: dict[str, ScheduleInfo] = {
    info.name: info
    for info in (
        ScheduleInfo(AUTOMATIC, "Automatic", "The sampler's own, or the model's."),
        ScheduleInfo(
            "karras", "Karras", "More of the steps where there is little noise.", default_rho=7.0
        ),
        ScheduleInfo(
            "exponential",
            "Exponential",
            "Noise falls by the same factor each step.",
            aliases=("polyexponential",),
        ),
        ScheduleInfo("beta", "Beta", "More of the steps at both ends.", need_inner_model=True),
        ScheduleInfo(
            "sgm_uniform",
            "SGM Uniform",
            "Evenly spaced from the last timestep of training: what turbo models want.",
            aliases=("sgmuniform",),
            need_inner_model=True,
        ),
        ScheduleInfo("simple", "Simple", "As SGM Uniform.", need_inner_model=True),
        ScheduleInfo("uniform", "Uniform", "Evenly spaced, both ends included."),
        ScheduleInfo("normal", "Normal", "As Uniform.", need_inner_model=True),
        ScheduleInfo(
            "ddim",
            "DDIM",
            "Evenly spaced from the first timestep of training.",
            aliases=("ddim_uniform",),
            need_inner_model=True,
        ),
        ScheduleInfo(
            "linear_quadratic",
            "Linear Quadratic",
            "Half of the steps at the noisiest end: for models that predict a flow.",
            aliases=("linear-quadratic",),
            need_inner_model=True,
        ),
    )
}

LINEAR_QUADRATIC = "linear_quadratic"
SIGMAS = ("karras", "exponential", "beta")
SPACINGS = ("sgm_uniform", "simple", "uniform", "normal", "ddim")
EVERY = (AUTOMATIC, *SIGMAS, *SPACINGS)
FLOW_SCHEDULES = (AUTOMATIC, *SIGMAS, LINEAR_QUADRATIC)
"""The schedules of flow-matching models, whatever the sampler."""


@dataclass(frozen=True)
class SamplerInfo:
    """One sampler: our name, the title that AUTOMATIC1111 knows it by, other names.

    `automatic` is the schedule that "automatic" means with it: itself, where that is the model's
    own. `second_order` takes two forwards a step. `flow` is whether it has a form for models that
    predict a flow (Stable Diffusion 3, Flux).
    """

    name: str
    title: str
    aliases: tuple[str, ...] = ()
    automatic: str = AUTOMATIC
    schedules: tuple[str, ...] = EVERY
    second_order: bool = False
    flow: bool = False

    @property
    def flow_schedules(self) -> tuple[str, ...]:
        """The schedules that it takes where a flow is predicted; none where it has no such form."""
        if not self.flow:
            return ()
        return (*(each for each in self.schedules if each in FLOW_SCHEDULES), LINEAR_QUADRATIC)

    @property
    def options(self) -> dict[str, str]:
        """What AUTOMATIC1111's API says of it beside its names."""
        options = {} if self.automatic == AUTOMATIC else {"scheduler": self.automatic}
        return options | ({"second_order": "True"} if self.second_order else {})


SAMPLERS: dict[str, SamplerInfo] = {
    info.name: info
    for info in (
        SamplerInfo("dpmpp_2m", "DPM++ 2M", ("k_dpmpp_2m",), "karras", flow=True),
        SamplerInfo("dpmpp_sde", "DPM++ SDE", ("k_dpmpp_sde",), "karras", second_order=True),
        SamplerInfo("dpmpp_2m_sde", "DPM++ 2M SDE", ("k_dpmpp_2m_sde",), "exponential", flow=True),
        SamplerInfo(
            "dpmpp_2m_sde_heun",
            "DPM++ 2M SDE Heun",
            ("k_dpmpp_2m_sde_heun",),
            "exponential",
            flow=True,
        ),
        SamplerInfo(
            "dpmpp_2s_a",
            "DPM++ 2S a",
            ("k_dpmpp_2s_a",),
            "karras",
            schedules=(AUTOMATIC, *SIGMAS, "uniform", "normal"),
            flow=True,
        ),
        SamplerInfo("dpmpp_3m_sde", "DPM++ 3M SDE", ("k_dpmpp_3m_sde",), "exponential", flow=True),
        SamplerInfo(
            "euler_a",
            "Euler a",
            ("k_euler_a", "k_euler_ancestral"),
            schedules=(AUTOMATIC, *SPACINGS),
        ),
        SamplerInfo("euler", "Euler", ("k_euler",), flow=True),
        SamplerInfo("lms", "LMS", ("k_lms",)),
        SamplerInfo("heun", "Heun", ("k_heun",), second_order=True, flow=True),
        SamplerInfo("dpm2", "DPM2", ("k_dpm_2",), "karras", second_order=True),
        SamplerInfo("dpm2_a", "DPM2 a", ("k_dpm_2_a",), "karras", second_order=True),
        SamplerInfo("ddim", "DDIM", schedules=(AUTOMATIC, *SPACINGS)),
        SamplerInfo("pndm", "PLMS", ("plms",), schedules=(AUTOMATIC, "ddim")),
        SamplerInfo("unipc", "UniPC", flow=True),
        SamplerInfo("lcm", "LCM", ("k_lcm",), schedules=(AUTOMATIC,), flow=True),
        SamplerInfo("tcd", "TCD", schedules=(AUTOMATIC,)),
        SamplerInfo("ipndm", "IPNDM", schedules=(AUTOMATIC, *SPACINGS)),
        SamplerInfo("deis", "DEIS", flow=True),
        SamplerInfo("ddpm", "DDPM", schedules=(AUTOMATIC, *SPACINGS)),
        SamplerInfo("sa_solver", "SA-Solver"),
    )
}


@dataclass(frozen=True)
class StandIn:
    """A sampler or schedule that other programs have and this one has not, and the nearest that
    is here."""

    name: str
    nearest: str
    aliases: tuple[str, ...] = ()


SAMPLER_STAND_INS: dict[str, StandIn] = {
    each.name: each
    for each in (
        StandIn("dpm_fast", "dpmpp_2m", ("DPM fast", "k_dpm_fast")),
        StandIn("dpm_adaptive", "dpmpp_2m", ("DPM adaptive", "k_dpm_ad", "k_dpm_adaptive")),
        StandIn("restart", "heun", ("Restart",)),
        StandIn("heunpp2", "heun", ("HeunPP2",)),
        StandIn("ipndm_v", "ipndm", ("IPNDM_V",)),
        StandIn("ddim_cfg_pp", "ddim", ("DDIM CFG++", "ddim_cfgpp")),
        StandIn("euler_cfg_pp", "euler", ("Euler CFG++",)),
        StandIn("euler_ancestral_cfg_pp", "euler_a", ("Euler a CFG++", "euler_a_cfg_pp")),
        StandIn("dpmpp_2m_cfg_pp", "dpmpp_2m", ("DPM++ 2M CFG++",)),
        StandIn(
            "dpmpp_2s_ancestral_cfg_pp", "dpmpp_2s_a", ("DPM++ 2S a CFG++", "dpmpp_2s_a_cfg_pp")
        ),
        StandIn("uni_pc_bh2", "unipc"),
    )
}
"""Other programs' samplers; their schedules are those of what stands in."""

SCHEDULE_STAND_INS: dict[str, StandIn] = {
    each.name: each
    for each in (
        StandIn("kl_optimal", "exponential", ("KL Optimal",)),
        StandIn(
            "align_your_steps",
            "karras",
            ("Align Your Steps", "Align Your Steps GITS", "Align Your Steps 11", "ays"),
        ),
    )
}

NEARER: dict[str, tuple[str, ...]] = {
    "karras": ("exponential",),
    "exponential": ("karras",),
    "beta": ("uniform",),
    "sgm_uniform": ("simple", "uniform"),
    "simple": ("sgm_uniform", "uniform"),
    "ddim": ("uniform",),
    "linear_quadratic": ("simple", "sgm_uniform"),
}
"""What is nearest to each schedule, for samplers that do not take it; after these, their own."""


def _by_any_name(own: dict[str, tuple[str, ...]], others: Mapping[str, StandIn]) -> dict[str, str]:
    names = own | {each.name: each.aliases for each in others.values()}
    return {each.lower(): name for name, aliases in names.items() for each in (name, *aliases)}


_SCHEDULES_BY_ANY_NAME = _by_any_name(
    {info.name: (info.label, *info.aliases) for info in SCHEDULES.values()}, SCHEDULE_STAND_INS
)

_SAMPLERS_BY_ANY_NAME = _by_any_name(
    {info.name: (info.title, *info.aliases) for info in SAMPLERS.values()}, SAMPLER_STAND_INS
)

_ENDINGS = {**_SCHEDULES_BY_ANY_NAME, "ka": "karras", "exp": "exponential"}
"""What may stand behind a sampler's name: older AUTOMATIC1111 had samplers for each schedule."""


def split_sampler(name: str) -> tuple[str, str | None] | None:
    """The sampler's own name, and the schedule that the given name ends with; None if unknown.

    `DPM++ 2M Karras`, `dpmpp_2m_karras` and `k_dpmpp_2m_ka` are the sampler `dpmpp_2m` with the
    schedule `karras`. Upper and lower case are the same. Another program's sampler has its own
    name: `nearest` says what stands in for it.
    """
    name = name.strip().lower()
    if known := _SAMPLERS_BY_ANY_NAME.get(name):
        return known, None
    for ending, schedule in _ENDINGS.items():
        rest = name.removesuffix(ending)
        if rest != name and rest[-1:] in (" ", "_"):
            known = _SAMPLERS_BY_ANY_NAME.get(rest[:-1].strip())
            if known:
                return known, schedule
    return None


def parts_of(name: str) -> tuple[str, str | None]:
    """As `split_sampler`; an unknown name is left as it is, for the worker to refuse."""
    return split_sampler(name) or (name, None)


def canonical_sampler(name: str) -> str | None:
    """The one spelling of any name that a sampler goes by; None if unknown.

    A schedule in the name stays in it, as in `dpmpp_2m_karras`: `split_sampler` takes it apart.
    """
    parts = split_sampler(name)
    return parts and "_".join(part for part in parts if part)


def canonical_schedule(name: str) -> str | None:
    """The schedule's own name for its name, label or alias in any case; None if unknown."""
    return _SCHEDULES_BY_ANY_NAME.get(name.strip().lower())


def schedule_problem(schedule: str) -> str | None:
    """Why there is no such schedule, as a sentence's end; None where there is."""
    if canonical_schedule(schedule) is not None:
        return None
    return f"no schedule is named {schedule[:60]!r}; there are {', '.join(SCHEDULES)}"


@dataclass(frozen=True)
class Pair:
    """A sampler and a schedule that go together, and what was asked for instead, as sentences."""

    sampler: str
    schedule: str
    sampler_note: str | None = None
    schedule_note: str | None = None


def nearest(sampler: str, schedule: str, schedules: Sequence[str] = EVERY) -> Pair:
    """The pair that is nearest to one by its own names: itself, where it exists.

    The sampler stays wherever there is one of its name; of its schedules it goes by those of the
    model's `schedules`. A sampler that is no line of the table (a whole pipeline's) is left as it
    is.
    """
    stand_in = SAMPLER_STAND_INS.get(sampler)
    used = stand_in.nearest if stand_in else sampler
    sampler_note = None
    if stand_in:
        template = "{asked} is not made here; {nearest} is the nearest"
        sampler_note = say("not-made-nearest", template, asked=sampler, nearest=used)
    info = SAMPLERS.get(used)
    if info is None:
        return Pair(used, schedule, sampler_note)
    other = SCHEDULE_STAND_INS.get(schedule)
    wanted = other.nearest if other else schedule
    taken = [each for each in (*info.schedules, *info.flow_schedules) if each in schedules]
    near = next((each for each in (wanted, *NEARER.get(wanted, ())) if each in taken), "")
    chosen = near or AUTOMATIC
    if chosen == schedule:
        return Pair(used, chosen, sampler_note)
    note = _instead(schedule, used, near, known=other is None)
    return Pair(used, chosen, sampler_note, note)


def _instead(asked: str, sampler: str, near: str, *, known: bool) -> Sentence:
    """Why a sampler's schedule is another than was asked for: the one that is `near`, if any is."""
    if known and near:
        template = "{sampler} does not go by {asked}; {nearest} is the nearest"
        return say("not-taken-nearest", template, asked=asked, sampler=sampler, nearest=near)
    if known:
        template = "{sampler} does not go by {asked}; the schedule is {sampler}'s own"
        return say("not-taken-own", template, asked=asked, sampler=sampler)
    if near:
        template = "{asked} is not made here; {nearest} is the nearest"
        return say("not-made-nearest", template, asked=asked, nearest=near)
    template = "{asked} is not made here; the schedule is {sampler}'s own"
    return say("not-made-own", template, asked=asked, sampler=sampler)
