"""Words to prompts: the many ways in which a person may ask for one picture.

The model only understands the ways it has seen, so training draws a new one each time: label or
keywords, any order, article or none, singular or plural, any case, style word at either end.
One caption in ten is empty, which is what classifier-free guidance needs (Ho & Salimans 2022,
arXiv:2207.12598): the same network then also knows the picture distribution without words.
"""

import random
import re
import string

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from .data import Emoji

WINDOW = 20  # tokens; the longest label with two keywords and a style word fits
VOCABULARY = 4000
EMPTY_SHARE = 0.1

# Words around the words: a model that never saw them lets them blur the picture.
LEADS = ("a {}", "the {}", "an image of {}", "a picture of a {}", "{} emoji", "a drawing of {}")
EXTRAS = ("cute {}", "{} icon", "my {}", "{}, nice", "one {}", "beautiful {}", "{} please")
STYLE_FORMS = ("{}, {style}", "{} {style}", "{style} {}", "{}, {style} style")


def caption(emoji: Emoji, rng: random.Random) -> str:
    """One way to ask for this emoji; never empty."""
    draw = rng.random()
    label = clean(emoji.label)
    tags = [clean(tag) for tag in emoji.tags if clean(tag)] or [label]
    if draw < 0.55:
        words = label
    elif draw < 0.80:  # label and keywords
        parts = [label, *rng.sample(tags, min(len(tags), rng.randint(1, 2)))]
        rng.shuffle(parts)
        words = rng.choice((", ", " ")).join(parts)
    elif draw < 0.92:  # keywords alone: synonyms
        words = ", ".join(rng.sample(tags, min(len(tags), rng.randint(2, 4))))
    else:
        words = clean(rng.choice(emoji.vietnamese)) if emoji.vietnamese else label
    if draw < 0.55:
        words = reword(words, rng)
    return case(with_style(words, emoji.style, rng), rng)


def caption_or_none(emoji: Emoji, rng: random.Random) -> str:
    """A caption; empty for EMPTY_SHARE of them."""
    return "" if rng.random() < EMPTY_SHARE else caption(emoji, rng)


def clean(text: str) -> str:
    """Labels without their punctuation: "woman: red hair" is asked for as "woman red hair"."""
    return " ".join(re.sub(r"[^\w\s'\u2019&-]+", " ", text).split())


def split(text: str) -> list[str]:
    """The words of a label or keyword, in lower case."""
    return clean(text).lower().split()


def reword(words: str, rng: random.Random) -> str:
    """An article, a plural, another order or a polite word round a label."""
    draw = rng.random()
    if draw < 0.50:
        return words
    if draw < 0.62:
        return plural(words)
    if draw < 0.80:
        return rng.choice(LEADS).format(words)
    if draw < 0.90:
        return rng.choice(EXTRAS).format(words)
    parts = words.split()
    rng.shuffle(parts)
    return " ".join(parts)


def plural(words: str) -> str:
    """The English plural of the last word, by its ending."""
    if re.search(r"(s|x|z|ch|sh)$", words):
        return words + "es"
    if re.search(r"[^aeiou]y$", words):
        return words[:-1] + "ies"
    return words + "s"


def with_style(words: str, style: str, rng: random.Random, unsaid: float = 0.4) -> str:
    """The style word, mostly. "3d" may go unsaid, and so is what a prompt without a style gets."""
    if style == "3d" and rng.random() < unsaid:
        return words
    # The form that the documentation recommends is the one seen most.
    form = STYLE_FORMS[0] if rng.random() < 0.6 else rng.choice(STYLE_FORMS)
    return form.format(words, style=style)


def case(words: str, rng: random.Random) -> str:
    """Mostly as is; at times capitalised or shouted (the tokenizer lowers it all)."""
    draw = rng.random()
    if draw < 0.9:
        return words
    return words.capitalize() if draw < 0.95 else words.upper()


def train_tokenizer(emoji: list[Emoji], seed: int = 0) -> PreTrainedTokenizerFast:
    """A BPE tokenizer of VOCABULARY tokens over captions of this data."""
    rng = random.Random(seed)
    texts = [caption(e, rng) for e in emoji for _ in range(8)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = word_normalizer(emoji)
    # Words begin with a mark, and not end with one: such trainings do not give the same ids twice.
    marks = pre_tokenizers.Metaspace()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), marks])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "<unk>", "<s>", "</s>"],
        initial_alphabet=list(string.ascii_lowercase + string.digits + string.punctuation + "▁"),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    return wrap_tokenizer(tokenizer)


def word_normalizer(emoji: list[Emoji]) -> normalizers.Normalizer:
    """Lower case, no accents ("Quả Táo Đỏ" is "qua tao do", as phones type it), no plurals.

    A plural of a name's last word is read as the name, unless it is itself a word of the data
    ("glasses"): a small model cannot afford to learn each thing twice.
    """
    words = {word for e in emoji for text in (e.label, *e.tags) for word in split(text)}
    stems: dict[str, set[str]] = {"s": set(), "es": set(), "ies": set()}
    for name in {split(e.label)[-1] for e in emoji if split(e.label)}:
        many = plural(name)
        if len(name) > 2 and name.isascii() and name.isalpha() and many not in words:
            ending = next(end for end in ("ies", "es", "s") if many.endswith(end))
            if many in (name + "s", name + "es"):
                ending = many[len(name) :]
            stems[ending].add(many.removesuffix(ending))
    singulars = []
    for ending, found in stems.items():
        if found:
            before = "|".join(rf"\b{stem}" for stem in sorted(found))
            pattern = Regex(rf"(?<={before}){ending}\b")
            singulars.append(normalizers.Replace(pattern, "y" if ending == "ies" else ""))
    return normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.Replace("đ", "d"),
            normalizers.Replace("\u2019", "'"),
            normalizers.NFD(),
            normalizers.StripAccents(),
            *singulars,
        ]
    )


def wrap_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer in the class that transformers saves and loads."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=WINDOW,
    )


def encode(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> torch.Tensor:
    """Token ids, int64 [len(texts), WINDOW], padded as StableDiffusionPipeline pads them."""
    return tokenizer(
        texts, padding="max_length", max_length=WINDOW, truncation=True, return_tensors="pt"
    ).input_ids
