"""How a model works, to be looked into: its schedule, its words, its noise and its autoencoder."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, Field

from jobs.additions import studies
from jobs.additions.studies import AutoencodeRequest, ForwardRequest, TokenizeRequest
from jobs.request.fields.values import LIMITS
from jobs.request.model_card import ModelCard
from jobs.request.samplers import SAMPLERS, canonical_sampler, canonical_schedule
from server.errors import ApiError
from server.openapi import Parameters, Routes, response
from server.requests.asking import ask, wrong
from server.requests.body import request_body
from server.requests.shrinking import shrunk
from server.requests.submission import known_models
from server.requests.uploads import picture_bytes
from server.resources import resources

routes = Routes("studies", "How a model works, to be looked into.")


class StoryPath(BaseModel):
    """A model in the path."""

    model: str = Field(max_length=200, description="Name of a model; see /models.")


class SchedulePath(BaseModel):
    """A sampler in the path."""

    sampler: str = Field(description="Name of a sampler; see /samplers.")


class ScheduleQuery(Parameters):
    """Whose noise, and in how many steps."""

    model: str | None = Field(None, max_length=200, description="The default one if left out.")
    steps: int = Field(20, ge=1, le=LIMITS.max_steps, description="Denoising steps.")
    schedule: str = Field(
        "automatic", max_length=64, description="How the steps are spaced; see /samplers."
    )


class TrainingView(BaseModel):
    """The noise of training, by its timesteps."""

    timesteps: list[int]
    betas: list[float] | None = Field(
        description="Variance that each timestep adds; null for flow matching."
    )
    alpha_bar: list[float] = Field(description="The picture's share of the variance.")
    sigmas: list[float] = Field(
        description="Noise for one part of picture; for flow matching the share of noise."
    )
    snr: list[float] = Field(description="Signal to noise, in variances.")


class WalkView(BaseModel):
    """The noise of a walk, step by step, the noisiest first."""

    timesteps: list[float]
    alpha_bar: list[float]
    sigmas: list[float]
    snr: list[float]


class NoiseScheduleView(BaseModel):
    """A model's noise, and a sampler's walk through it."""

    model: str
    sampler: str
    schedule: str
    training: TrainingView
    walk: WalkView


class TokenView(BaseModel):
    """One token."""

    id: int = Field(description="Its number in the vocabulary; negative for a learned word's.")
    token: str
    word: int = Field(description="Which of `words` it is a part of.")
    weight: float


class WindowView(BaseModel):
    """What one pass of a text encoder reads, without its begin, end and padding."""

    size: int = Field(description="Tokens that it takes.")
    used: int
    tokens: list[TokenView]


class EncoderView(BaseModel):
    """How one text encoder of the model reads the prompt."""

    encoder: str
    windows: list[WindowView]


class WordView(BaseModel):
    """A word as the model's first vocabulary writes it."""

    text: str
    tokens: int = Field(description="Tokens that it is cut into.")
    weight: float
    known: bool = Field(description="Whether the vocabulary has it whole.")
    nearest: list[str] = Field(description="Words that it has and that look most like it.")


class TokensView(BaseModel):
    """A prompt taken apart."""

    model: str
    read_as: str | None = Field(
        description="What a job's prompt is read as where that is another, by the model's table of "
        "words; `words` and `encoders` are of the prompt as it is written."
    )
    words: list[WordView]
    encoders: list[EncoderView]


class NoisyView(BaseModel):
    """A noisy picture, and what its noise was measured to be."""

    picture: str = Field(description="A data URI.")
    noise_mean: float
    noise_deviation: float


class StoryPointView(BaseModel):
    """A stretch of a training."""

    step: int = Field(description="Its last step.")
    seconds: float = Field(description="How long the training had run by then.")
    loss: float = Field(description="What the network was wrong by, in the mean.")
    rate: float = Field(description="The learning rate.")


class StoryGridView(BaseModel):
    """What a model drew at one age."""

    step: int
    picture: str = Field(description="The prompts' pictures, eight in a row, as a data URI.")


class StoryView(BaseModel):
    """How a model was taught."""

    model: str
    continued: bool = Field(description="Whether it began from weights that could draw already.")
    prompts: list[str] = Field(description="What was drawn at each age, in the grids' order.")
    curve: list[StoryPointView]
    grids: list[StoryGridView]


class PredictionView(BaseModel):
    """What the network takes for the noise."""

    noise: str = Field(description="The noise that it sees, as a data URI.")
    added: str = Field(description="The noise that was added.")
    x0: str = Field(description="The latents without it.")
    x0_picture: str = Field(description="The same, decoded.")
    loss: float = Field(description="Mean square of what it is wrong by.")


class DrownedView(BaseModel):
    """The picture at one timestep."""

    timestep: int
    signal: float = Field(description="What the picture is multiplied by: the mean.")
    variance: float = Field(description="Variance of the noise that is added.")
    alpha_bar: float
    closed: NoisyView | None
    stepwise: NoisyView | None
    prediction: PredictionView | None


class CurveView(BaseModel):
    """Mean and variance over all timesteps."""

    timesteps: list[int]
    signal: list[float]
    variance: list[float]


class ForwardView(BaseModel):
    """A picture that drowns in noise."""

    model: str
    schedule: str
    picture: str = Field(description="The picture that noise is added to, as a data URI.")
    shape: list[int] = Field(description="Height, width and channels of what noise is added to.")
    steps: list[DrownedView]
    curve: CurveView


class AutoencodedView(BaseModel):
    """A picture's latents, and what comes back of them. Pictures are data URIs."""

    model: str
    picture: str
    pixels: list[int] = Field(description="Width, height and colours.")
    latents: list[int] = Field(description="Width, height and channels.")
    fewer_places: float
    fewer_numbers: float
    colours: str = Field(description="The latents by a linear map to colours.")
    channels: list[str] = Field(description="Each channel as grey, mid-grey being 0.")
    edited: str | None = Field(description="The latents as they were changed; null if not.")
    reconstruction: str
    difference: str = Field(description="Four times the difference; mid-grey is none.")
    psnr: float = Field(description="Decibels.")


@routes.get("/models/<model>/training", {200: StoryView}, (422, 503))
def get_training(path: StoryPath) -> Response:
    """Get the story of a model's training

    The curve of its loss and what it drew at several ages, where its folder has them as the recipe
    of the model that ships writes them (`training/`); both empty where it has not.
    """
    card = _card(path.model)
    return response(StoryView(model=card.name, **ask(card.name, "story", {})), 200)


@routes.get("/schedules/<sampler>", {200: NoiseScheduleView}, (404, 422, 503))
def get_schedule(path: SchedulePath, query: ScheduleQuery) -> Response:
    """Get a noise schedule

    The noise of the model's training, and where the sampler's walk stops in it.
    """
    name, schedule = canonical_sampler(path.sampler), canonical_schedule(query.schedule)
    if name is None:
        there_are = ", ".join(SAMPLERS)
        detail = f"no sampler is named {path.sampler[:60]!r}; there are {there_are}"
        raise ApiError(404, "not-found", detail)
    if schedule is None:
        raise wrong("schedule", f"no schedule is named {query.schedule[:60]!r}")
    card = _card(query.model)
    asked = {
        "sampler": name,
        "schedule": schedule,
        "steps": query.steps,
        "width": card.width,
        "height": card.height,
    }
    said = ask(card.name, "schedule", asked)
    view = NoiseScheduleView(model=card.name, sampler=name, schedule=schedule, **said)
    return response(view, 200)


@routes.post("/tokenize", {200: TokensView}, (400, 408, 413, 415, 422, 503))
def tokenize(body: TokenizeRequest) -> Response:
    """Take a prompt apart

    Its tokens, words, weights and windows for each text encoder of the model; for a word that the
    model never saw whole, those that it knows and that look most like it.
    """
    card = _card(body.model)
    return response(
        TokensView(model=card.name, **ask(card.name, "tokenize", body.model_dump())), 200
    )


@routes.post("/forward", {200: ForwardView}, (400, 408, 413, 415, 422, 503))
def add_noise(body: ForwardRequest) -> Response:
    """Drown a picture in noise

    At once by q(x_t | x_0), or by q(x_t | x_t-1) one step after another; in pixels or in latents,
    where the network may say which noise it sees.
    """
    card = _card(body.model)
    small = studies.DROWNED_SIDE if body.space == "pixels" else _side(card)
    fields = {"picture": _picture("/image", body.image, small)}
    said = ask(card.name, "forward", body.model_dump(exclude={"image"}) | {"image": "-"}, fields)
    return response(ForwardView(model=card.name, schedule=body.schedule, **said), 200)


@routes.post("/autoencode", {200: AutoencodedView}, (400, 408, 413, 415, 422, 503))
def autoencode(body: AutoencodeRequest) -> Response:
    """Send a picture through the autoencoder

    To latents and back, with what is lost; the latents may be edited before they are decoded.
    """
    card = _card(body.model)
    fields = {"picture": _picture("/image", body.image, _side(card)), "other": None}
    if body.mix is not None:
        fields["other"] = _picture("/mix", body.mix, _side(card))
    asked = body.model_dump(exclude={"image", "mix"}) | {"image": "-"}
    return response(
        AutoencodedView(model=card.name, **ask(card.name, "autoencode", asked, fields)), 200
    )


def _card(name: str | None) -> ModelCard:
    """The model that is asked about. Raises InvalidRequest for one that nobody offers."""
    cards = known_models()
    card = next((each for each in cards if name is None or each.name == name), None)
    if card is None:
        there_are = ", ".join(each.name for each in cards)
        raise wrong("model", f"no model is named {name!r}; there are {there_are}")
    return card


def _side(card: ModelCard) -> int:
    """Pixels a side that a picture is made to fit into: what the model draws, within bounds."""
    return min(studies.SIDE, max(card.width, card.height))


def _picture(pointer: str, named: str, side: int) -> str:
    """A picture as base64 of a PNG of so many pixels a side at most."""
    found = picture_bytes(pointer, named, request_body().parts, resources().store)
    return shrunk(found, side)
