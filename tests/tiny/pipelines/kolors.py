"""A random Kolors of the real classes: SDXL's UNet, for which ChatGLM reads."""

import io
from functools import partial
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from diffusers.pipelines.kolors.pipeline_kolors import KolorsPipeline
from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel
from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

from tests.tiny.model import TEXT, tiny_vae
from tests.tiny.models import TIME_EMBEDDING, tiny_unet
from tests.tiny.networks import save_pipeline

WIDTH, PROJECTED = 32, 16
"""Numbers of a token as ChatGLM reads it, and as the UNet does."""

pieces: Any = sentencepiece


def save_tiny_kolors(folder: Path) -> Path:
    """Kolors: prompts of 254 tokens, filled up in front. Multiples of 2 pixels."""
    return save_pipeline(partial(_kolors, folder / "tokenizer"), folder)


def _kolors(vocabulary: Path) -> KolorsPipeline:
    tokenizer = _tokenizer(vocabulary)
    return KolorsPipeline(
        vae=tiny_vae(),
        text_encoder=_reader(tokenizer.vocab_size),
        tokenizer=tokenizer,
        unet=tiny_unet(
            PROJECTED,
            encoder_hid_dim_type="text_proj",
            encoder_hid_dim=WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=TIME_EMBEDDING,
            projection_class_embeddings_input_dim=WIDTH + 6 * TIME_EMBEDDING,
        ),
        scheduler=EulerDiscreteScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.014,
            num_train_timesteps=1100,
            steps_offset=1,
        ),
    )


def _reader(vocabulary: int) -> ChatGLMModel:
    reader = ChatGLMModel(
        ChatGLMConfig(
            num_layers=3,
            padded_vocab_size=vocabulary,
            hidden_size=WIDTH,
            ffn_hidden_size=40,
            kv_channels=8,
            num_attention_heads=4,
            multi_query_attention=True,
            multi_query_group_num=2,
            add_qkv_bias=True,
            original_rope=True,
        )
    )
    # It leaves its weights as the memory was that they lie in.
    for name, weight in reader.named_parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.2)
        else:
            torch.nn.init.constant_(weight, float(name.endswith("norm.weight")))
    return reader.eval()


def _tokenizer(folder: Path) -> ChatGLMTokenizer:
    model = io.BytesIO()
    pieces.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.split(", ")),
        model_writer=model,
        vocab_size=60,
        model_type="bpe",
        pad_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    folder.mkdir(parents=True)
    file = folder / "tokenizer.model"
    file.write_bytes(model.getvalue())
    return ChatGLMTokenizer(str(file))
