"""Models that see things and people in pictures, with random weights, in transformers' layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    OneFormerConfig,
    OneFormerForUniversalSegmentation,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SwinConfig,
    VitPoseBackboneConfig,
    VitPoseConfig,
    VitPoseForPoseEstimation,
    YolosConfig,
    YolosForObjectDetection,
)
from transformers.models.oneformer.image_processing_pil_oneformer import OneFormerImageProcessorPil
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil
from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil
from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

from tests.tiny.text import tokenizer

SIDE = {"height": 32, "width": 32}


def save_tiny_segmentation(folder: Path, kinds: int = 150) -> Path:
    """A SegFormer that tells so many kinds of things apart."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = SegformerConfig(
            num_encoder_blocks=2,
            depths=[1, 1],
            sr_ratios=[1, 1],
            hidden_sizes=[8, 16],
            patch_sizes=[3, 3],
            strides=[2, 2],
            num_attention_heads=[1, 2],
            mlp_ratios=[1, 1],
            decoder_hidden_size=16,
            num_labels=kinds,
        )
        model = SegformerForSemanticSegmentation(config)
        stir(model)
        model.save_pretrained(folder)
    SegformerImageProcessorPil(size=SIDE).save_pretrained(folder)
    return folder


def save_tiny_oneformer(folder: Path) -> Path:
    """A OneFormer, which is told in words what it is to do."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        config = OneFormerConfig(
            backbone_config=SwinConfig(
                image_size=64,
                patch_size=4,
                embed_dim=8,
                depths=[1, 1, 1, 1],
                num_heads=[1, 1, 1, 1],
                window_size=2,
                out_features=["stage1", "stage2", "stage3", "stage4"],
            ),
            num_queries=6,
            text_encoder_width=16,
            text_encoder_num_layers=1,
            text_encoder_proj_layers=1,
            text_encoder_n_ctx=2,
            text_encoder_vocab_size=600,
            conv_dim=32,
            mask_dim=32,
            hidden_dim=32,
            encoder_feedforward_dim=32,
            dim_feedforward=32,
            encoder_layers=1,
            decoder_layers=2,
            num_attention_heads=2,
            query_dec_layers=1,
            num_labels=150,
            is_training=False,
        )
        OneFormerForUniversalSegmentation(config).save_pretrained(folder)
    size = {"height": 64, "width": 64}
    OneFormerImageProcessorPil(size=size, num_labels=150).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_tiny_pose(folder: Path, joints: int = 17) -> Path:
    """A ViTPose that is sure of where it sees joints."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        backbone = VitPoseBackboneConfig(
            image_size=(32, 32),
            patch_size=(8, 8),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            mlp_ratio=1,
            out_indices=[2],
        )
        model = VitPoseForPoseEstimation(
            VitPoseConfig(backbone_config=backbone, num_labels=joints, use_simple_decoder=True)
        )
        stir(model)
        torch.nn.init.constant_(model.head.conv.bias, 2.0)
        model.save_pretrained(folder)
    VitPoseImageProcessorPil(size=SIDE).save_pretrained(folder)
    return folder


def save_tiny_detector(folder: Path) -> Path:
    """A YOLOS that takes all that it sees for people."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = YolosConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            image_size=[32, 32],
            patch_size=8,
            num_detection_tokens=4,
            id2label={0: "cat", 1: "person"},
            label2id={"cat": 0, "person": 1},
        )
        model = YolosForObjectDetection(config)
        stir(model)
        model.class_labels_classifier.layers[-1].bias.data = torch.tensor([0.0, 50.0, 0.0])
        # Each of them about the middle of the picture.
        torch.nn.init.normal_(model.bbox_predictor.layers[-1].weight, std=0.01)
        torch.nn.init.constant_(model.bbox_predictor.layers[-1].bias, 0)
        model.save_pretrained(folder)
    YolosImageProcessorPil(size=SIDE).save_pretrained(folder)
    return folder


def stir(model: Any) -> None:
    """Weights by which each place of a picture is seen as something else."""
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.4)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.2)
