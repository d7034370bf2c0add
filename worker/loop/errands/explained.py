"""What is answered about a model: its schedule, its words, its noise and its autoencoder."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from jobs.additions.errands import Refusal
from jobs.additions.studies import AutoencodeRequest, ForwardRequest
from worker.engine import (
    LoadedModel,
    Picture,
    anatomy,
)
from worker.models.loading.masks.points import Point
from worker.models.loading.masks.segmenters import Segmenters


def schedule(model: LoadedModel, asked: dict[str, Any]) -> dict[str, Any]:
    """The noise of a model's training, and that of a walk."""
    size = asked["width"], asked["height"]
    sampler = anatomy.fresh_sampler(
        model, asked["sampler"], asked["steps"], asked["schedule"], size
    )
    trained, walk = anatomy.of_model(model, sampler), anatomy.walk(sampler)
    with np.errstate(divide="ignore"):
        sigmas = trained.noise if trained.betas is None else trained.noise / trained.signal
        snr = (trained.signal / trained.noise) ** 2
    return {
        "training": {
            "timesteps": list(range(anatomy.STEPS)),
            "betas": None if trained.betas is None else short(trained.betas),
            "alpha_bar": short(trained.alpha_bar),
            "sigmas": short(sigmas),
            "snr": short(snr),
        },
        "walk": {
            "timesteps": short(walk.timesteps),
            "alpha_bar": short(walk.alpha_bar),
            "sigmas": short(walk.sigmas),
            "snr": short(walk.snr),
        },
    }


def words(model: LoadedModel, prompt: str) -> dict[str, Any]:
    """A prompt's tokens, words and windows for each text encoder."""
    spellings = model.spell(prompt)
    if not spellings:
        raise Refusal(422, "does not say how it reads a prompt", "model")
    pieces = [each for window in spellings[0].windows for each in window]
    count = max((each.word for each in pieces), default=-1) + 1
    found: list[dict[str, Any]] = []
    for number in range(count):
        own = [each for each in pieces if each.word == number]
        if not own:
            continue
        whole = anatomy.is_whole(own)
        text = own[0].text
        found.append(
            {
                "text": text,
                "tokens": len(own),
                "weight": own[0].weight,
                "known": whole,
                "nearest": [] if whole or not text.isalpha() else model.nearest(text),
            }
        )
    encoders = [
        {
            "encoder": each.encoder,
            "windows": [
                {
                    "size": each.size,
                    "used": len(window),
                    "tokens": [
                        {"id": one.id, "token": one.token, "word": one.word, "weight": one.weight}
                        for one in window
                    ],
                }
                for window in each.windows
            ],
        }
        for each in spellings
    ]
    return {"words": found, "encoders": encoders}


def drowned(
    model: LoadedModel,
    asked: ForwardRequest,
    picture: str,
    study: Callable[[Callable[[], Any]], Any],
) -> dict[str, Any]:
    """A picture or its latents with the noise of each timestep."""
    if asked.prompt is not None and asked.space != "latents":
        raise Refusal(422, "the network sees latents: send `space` as `latents`", "prompt")
    anatomy.check_timesteps(asked.timesteps)
    source = opened(picture)
    latents = asked.space == "latents"
    if latents:
        source = fitted(source, model.factor)
    size = source.shape[1], source.shape[0]
    sampler = None
    if asked.schedule == "model" or asked.prompt is not None:
        sampler = anatomy.training_sampler(model, size)
    noise = anatomy.of_model(model, sampler) if sampler else anatomy.named(asked.schedule)
    if sampler and asked.schedule != "model":
        raise Refusal(422, "the network knows its own schedule only: `model`", "prompt")
    if latents:
        clean = study(lambda: anatomy.encoded(model, source))
    else:
        clean = (source.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)

    def shown(numbers: Any) -> str:
        if latents:
            return png(anatomy.drawn(model, numbers))
        return webp(((numbers.transpose(1, 2, 0) + 1) * 127.5).clip(0, 255).astype(np.uint8))

    generator = np.random.default_rng(asked.seed)
    drawn = generator.standard_normal(clean.shape, np.float32)
    walked: dict[int, Any] = {}
    if asked.way != "closed":
        walked = anatomy.step_by_step(clean, noise, asked.timesteps, generator)
    predicted: list[Any] = []
    if asked.prompt is not None and sampler is not None:
        request = anatomy.question(model, asked.prompt, size)
        predicted = study(
            lambda: anatomy.seen(model, sampler, request, clean, drawn, noise, asked.timesteps)
        )
    steps: list[dict[str, Any]] = []
    for index, each in enumerate(asked.timesteps):
        signal, level = float(noise.signal[each]), float(noise.noise[each])

        def measured(made: Any, signal: float = signal) -> dict[str, Any]:
            apart = made - signal * clean
            return {
                "picture": shown(made),
                "noise_mean": round(float(apart.mean()), 5),
                "noise_deviation": round(float(apart.std()), 5),
            }

        step: dict[str, Any] = {
            "timestep": each,
            "signal": round(signal, 6),
            "variance": round(level**2, 6),
            "alpha_bar": round(float(noise.alpha_bar[each]), 6),
            "closed": None,
            "stepwise": None,
            "prediction": None,
        }
        if asked.way != "stepwise":
            step["closed"] = measured(anatomy.at_once(clean, noise, each, drawn))
        if each in walked:
            step["stepwise"] = measured(walked[each])
        if predicted:
            seen = predicted[index]
            step["prediction"] = {
                "noise": png(anatomy.drawn(model, seen.noise)),
                "added": png(anatomy.drawn(model, drawn)),
                "x0": png(anatomy.drawn(model, seen.clean)),
                "x0_picture": png(study(lambda seen=seen: anatomy.decoded(model, seen.clean))),
                "loss": round(seen.loss, 6),
            }
        steps.append(step)
    thinned = slice(None, None, 10)
    return {
        "picture": webp(source),
        "shape": [*clean.shape[1:], clean.shape[0]],
        "steps": steps,
        "curve": {
            "timesteps": list(range(anatomy.STEPS))[thinned],
            "signal": short(noise.signal[thinned]),
            "variance": short(noise.noise[thinned] ** 2),
        },
    }


def encoded(
    model: LoadedModel,
    asked: AutoencodeRequest,
    pictures: tuple[str, str | None],
    study: Callable[[Callable[[], Any]], Any],
) -> dict[str, Any]:
    """A picture's latents, what comes back of them, and how far that is from it."""
    source = fitted(opened(pictures[0]), model.factor)
    if wrong := [each for each in asked.zero if not 0 <= each < model.latent_channels]:
        detail = f"{wrong[0]} is no channel; they go from 0 to {model.latent_channels - 1}"
        raise Refusal(422, detail, "zero")
    latents = study(lambda: anatomy.encoded(model, source))
    edited = latents.copy()
    if pictures[1] is not None:
        size = source.shape[1], source.shape[0]
        other = np.asarray(Image.fromarray(opened(pictures[1])).resize(size), np.uint8)
        theirs = study(lambda: anatomy.encoded(model, other))
        edited = (1 - asked.amount) * edited + asked.amount * theirs
    edited[asked.zero] = 0
    changed = bool(asked.zero) or pictures[1] is not None
    back = study(lambda: anatomy.decoded(model, edited.astype(np.float32)))
    reach = float(np.abs(latents).max())
    channels, height, width = latents.shape
    places = source.shape[0] * source.shape[1]
    return {
        "picture": png(source),
        "pixels": [source.shape[1], source.shape[0], 3],
        "latents": [width, height, channels],
        "fewer_places": round(places / (height * width), 2),
        "fewer_numbers": round(places * 3 / latents.size, 2),
        "colours": png(anatomy.drawn(model, latents)),
        "channels": [png(anatomy.grey(each, reach)) for each in latents],
        "edited": png(anatomy.drawn(model, edited.astype(np.float32))) if changed else None,
        "reconstruction": png(back),
        "difference": png(anatomy.difference(back, source)),
        "psnr": round(anatomy.psnr(back, source), 2),
    }


def acted(
    model: LoadedModel,
    trace: bytes,
    asked: dict[str, Any],
    study: Callable[[Callable[[], Any]], Any],
) -> Picture:
    """Where a word changed the network's answers, the steps of a trace side by side."""
    planes: list[Picture] = []
    for part in anatomy.parts(anatomy.moments(trace, asked["steps"])):
        request = anatomy.told(model, asked["asked"], part[0].x)
        rest = anatomy.without(model, request.prompt, asked["word"])
        sampler = anatomy.training_sampler(model, (request.width, request.height))
        # One part after another, so that others' steps come between.
        planes += study(partial(anatomy.acted, model, sampler, request, rest, part))
    return anatomy.side_by_side(planes)


def opened(data: str) -> Picture:
    """The picture (height, width, 3) that the API sent as base64 of a PNG."""
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    made: np.ndarray[Any, Any] = np.asarray(image)
    return made.astype(np.uint8)


def fitted(picture: Picture, factor: int) -> Picture:
    """The picture with sides that are multiples of `factor`: a few pixels are cut off, or a small
    one is enlarged."""
    height, width = (max(factor, side // factor * factor) for side in picture.shape[:2])
    if picture.shape[0] >= height and picture.shape[1] >= width:
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        return np.ascontiguousarray(picture[top : top + height, left : left + width])
    made: np.ndarray[Any, Any] = np.asarray(Image.fromarray(picture).resize((width, height)))
    return made.astype(np.uint8)


def segmented(segmenters: Segmenters, asked: dict[str, Any], picture: str) -> str:
    """How surely each place of a picture is what words or points say, as greys."""
    shown, name = opened(picture), asked["segmenter"]
    if asked["words"] is not None:
        return png(segmenters.by_words(name, shown, asked["words"]))
    points = [Point(**each) for each in asked["points"]]
    return png(segmenters.by_points(name, shown, points))


def png(picture: Picture) -> str:
    """A picture as a data URI, with nothing lost."""
    return _uri(picture, "PNG")


def webp(picture: Picture) -> str:
    """A picture as a data URI, small: noise is large as a PNG."""
    return _uri(picture, "WEBP", quality=85)


def _uri(picture: Picture, form: str, **options: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, form, **options)
    data = base64.b64encode(file.getvalue()).decode()
    return f"data:image/{form.lower()};base64,{data}"


def short(numbers: Any) -> list[float]:
    """Numbers with as many digits as anybody looks at; infinity as the largest that JSON has."""
    return [float(f"{min(float(each), 1e30):.6g}") for each in numbers]
