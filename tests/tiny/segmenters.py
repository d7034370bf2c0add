"""Models that find what is meant in a picture, with random weights, in transformers' layout."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    CLIPSegConfig,
    CLIPSegForImageSegmentation,
    SamConfig,
    SamModel,
)
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from tests.tiny.maps import SIDE, stir
from tests.tiny.text import WINDOW, tokenizer

HIDDEN = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}


def save_tiny_clipseg(folder: Path) -> Path:
    """A CLIPSeg that reads a token a letter."""
    words = tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(4)
        text = {**HIDDEN, "num_attention_heads": 2, "vocab_size": len(words)}
        text |= {"max_position_embeddings": WINDOW + 2, "eos_token_id": words.eos_token_id}
        text |= {"bos_token_id": words.bos_token_id, "pad_token_id": words.pad_token_id}
        vision = {**HIDDEN, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
        config = CLIPSegConfig(
            text_config=text,
            vision_config=vision,
            projection_dim=16,
            extract_layers=[0, 1],
            reduce_dim=16,
            decoder_num_attention_heads=2,
            decoder_intermediate_size=16,
        )
        model = CLIPSegForImageSegmentation(config)
        stir(model)
        model.save_pretrained(folder)
    ViTImageProcessorPil(size=SIDE).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def save_tiny_sam(folder: Path) -> Path:
    """A SAM whose masks depend on where its points are."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        vision = {"hidden_size": 16, "output_channels": 16, "num_hidden_layers": 2, "mlp_dim": 16}
        vision |= {"num_attention_heads": 2, "image_size": 32, "patch_size": 8, "window_size": 2}
        prompts = {"hidden_size": 16, "image_size": 32, "patch_size": 8, "mask_input_channels": 4}
        decoder = {"hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "iou_head_depth": 2}
        decoder |= {"num_attention_heads": 2, "iou_head_hidden_dim": 16}
        config = SamConfig(
            vision_config={**vision, "global_attn_indexes": [1], "num_pos_feats": 8},
            prompt_encoder_config=prompts,
            mask_decoder_config=decoder,
        )
        model = SamModel(config)
        stir(model)
        model.save_pretrained(folder)
    processor = SamImageProcessorPil(
        size={"longest_edge": 32}, pad_size=SIDE, mask_size={"longest_edge": 8}
    )
    processor.save_pretrained(folder)
    return folder
