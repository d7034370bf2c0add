"""A random Qwen-Image 2.1 of the real classes, without the part of its processor that reads films.

That part needs torchvision, and what is made here of words and pictures does not.
"""

import json
from pathlib import Path
from typing import Any

from diffusers.models.autoencoders.autoencoder_kl_qwenimage21 import AutoencoderKLQwenImage21
from diffusers.models.transformers.transformer_qwenimage21 import QwenImage21Transformer2DModel
from diffusers.pipelines.qwenimage21.pipeline_qwenimage21 import QwenImage21Pipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from tokenizers import processors
from transformers import (
    AutoTokenizer,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
)
from transformers.processing_utils import ProcessorMixin

from tests.tiny.model import tiny_tokenizer
from tests.tiny.networks import QWEN_READER, save_pipeline

SIGNS = ("<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_start|>", "<|im_end|>")

TALK = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content[0].text }}<|im_end|>\n"
    "{% endfor %}"
)


class StillReader(Qwen3VLProcessor):
    """Qwen3VLProcessor for words and pictures alone."""

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None
    ) -> None:
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)
        self.image_token, *_ = SIGNS
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token, self.video_token_id = "<|video_pad|>", -1


def save_tiny_qwen_21(folder: Path, **options: Any) -> Path:
    """Qwen-Image 2.1: words ahead of their picture in one sequence. Multiples of 32 pixels; with
    `options` of its pipeline."""
    save_pipeline(_made, folder)
    index = json.loads((folder / "model_index.json").read_text())
    index["processor"] = ["transformers", "Qwen3VLProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index | options))
    return folder


def tiny_qwen_21(folder: Path) -> Any:
    """Diffusers' own pipeline of a model that was saved."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "processor")
    images = Qwen2VLImageProcessor.from_pretrained(folder / "processor")
    processor = StillReader(images, tokenizer, TALK)
    return QwenImage21Pipeline.from_pretrained(folder, processor=processor)


def _made() -> QwenImage21Pipeline:
    tokenizer = tiny_tokenizer(8192)
    # As Qwen's: nothing stands round a text.
    tokenizer.backend_tokenizer.post_processor = processors.Sequence([])
    tokenizer.add_special_tokens({"additional_special_tokens": list(SIGNS)})
    images = Qwen2VLImageProcessor(
        patch_size=16,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        size={"shortest_edge": 32 * 32, "longest_edge": 4096 * 4096},
    )
    return QwenImage21Pipeline(
        transformer=QwenImage21Transformer2DModel(
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            context_in_dim=16,
            axes_dims_rope=(4, 6, 6),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=AutoencoderKLQwenImage21(
            base_dim=4,
            decoder_base_dim=4,
            z_dim=4,
            dim_mult=[1, 1, 2, 2, 2],
            num_res_blocks=1,
            temperal_downsample=[False, False, True, True],
            latents_mean=[-0.8, 0.1, 0.4, -0.2],
            latents_std=[2.8, 1.5, 2.1, 1.7],
        ),
        text_encoder=Qwen3VLForConditionalGeneration(_reader(tokenizer)),
        processor=StillReader(images, tokenizer, TALK),
    )


def _reader(tokenizer: Any) -> Qwen3VLConfig:
    pad, start, end, *_ = tokenizer.convert_tokens_to_ids(list(SIGNS))
    return Qwen3VLConfig(
        text_config={**QWEN_READER, "vocab_size": 310, "head_dim": 8},
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=pad,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
