"""Random CLIP text encoders of the real classes with a real CLIP tokenizer, in a millisecond."""

import string

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import (
    StableDiffusionXLPipeline,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

# Tokens a window beside begin and end; every letter is a token.
WINDOW = 12
LAYERS = 3
WIDTH, WIDTH_2 = 32, 48
PROJECTION = 24

BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def tokenizer(pad: str = END) -> CLIPTokenizer:
    """CLIP's tokenizer with a token a character: it lowers case and drops spaces."""
    characters = string.ascii_lowercase + string.digits + string.punctuation
    words = [each for one in characters for each in (one, one + "</w>")]
    vocabulary = {word: number for number, word in enumerate([*words, BEGIN, END])}
    return CLIPTokenizer(vocabulary, [], unk_token=END, pad_token=pad, model_max_length=WINDOW + 2)


def sd1_pipeline() -> StableDiffusionPipeline:
    """Stable Diffusion 1.x as far as its text goes."""
    return StableDiffusionPipeline(
        vae=None,
        text_encoder=_encoder(CLIPTextModel, WIDTH, 0),
        tokenizer=tokenizer(),
        unet=None,
        scheduler=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl_pipeline(force_zeros: bool = False) -> StableDiffusionXLPipeline:
    """SDXL as far as its text goes: its second tokenizer pads with `!`, as the real one."""
    return StableDiffusionXLPipeline(
        vae=None,
        text_encoder=_encoder(CLIPTextModel, WIDTH, 1),
        text_encoder_2=_encoder(CLIPTextModelWithProjection, WIDTH_2, 2),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(pad="!"),
        unet=None,
        scheduler=None,
        force_zeros_for_empty_prompt=force_zeros,
        add_watermarker=False,
    )


def _encoder(kind: type, width: int, seed: int) -> CLIPTextModel | CLIPTextModelWithProjection:
    """An encoder whose embeddings have a mean, as those of trained ones have."""
    vocabulary = tokenizer().get_vocab()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = kind(
            CLIPTextConfig(
                vocab_size=len(vocabulary),
                hidden_size=width,
                intermediate_size=2 * width,
                projection_dim=PROJECTION,
                num_hidden_layers=LAYERS,
                num_attention_heads=4,
                max_position_embeddings=WINDOW + 2,
                # Random weights of the usual size leave every embedding nearly alike.
                initializer_factor=10.0,
                bos_token_id=vocabulary[BEGIN],
                eos_token_id=vocabulary[END],
                pad_token_id=vocabulary[END],
            )
        )
        norm = getattr(encoder, "text_model", encoder).final_layer_norm
        torch.nn.init.normal_(norm.bias, mean=-0.2, std=0.2)
    return encoder.requires_grad_(False).eval()
