"""A model of depth with random weights: a DPT, in transformers' layout."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import DPTConfig, DPTForDepthEstimation
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil


def save_tiny_depth(folder: Path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        config = DPTConfig(
            hidden_size=16,
            num_hidden_layers=4,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=32,
            patch_size=8,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=8,
            is_hybrid=False,
        )
        model = DPTForDepthEstimation(config)
        for name, parameter in model.named_parameters():
            torch.nn.init.normal_(parameter, std=0.2)
            if name.endswith("head.4.bias"):
                # What is below zero would be cut off, and all be one depth.
                torch.nn.init.constant_(parameter, 5.0)
        model.save_pretrained(folder)
    DPTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder
