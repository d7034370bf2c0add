"""A style: a LoRA (Hu et al. 2021, arXiv:2106.09685) with which everything is drawn in ink.

Beside each weight W of the U-Net stand two small matrices, and what is computed is W + B A. It is
shown the same words as the model was, with the pictures in ink: so it learns what changes, and
nothing of what the words mean.
"""

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from ..sampling import Model
from .fitting import Fitted
from .settings import Preset
from .shown.pictures import Shown

# Attention says where, convolutions say how: lines for areas takes both.
LAYERS = (
    r".*\.(to_q|to_k|to_v|to_out\.0|net\.0\.proj|net\.2|proj_in|proj_out"
    r"|conv1|conv2|conv_shortcut|time_emb_proj)"
)
FILE = "pytorch_lora_weights.safetensors"


class Style(Fitted):
    """The model with a LoRA on its U-Net."""

    def __init__(self, model: Model, preset: Preset):
        super().__init__(model)
        rank = preset.rank
        self.unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=LAYERS))

    def draw(
        self, shown: Shown, rows: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures in ink, and the words for them."""
        chosen = shown.chosen(rows, generator)
        return shown.inked[chosen], shown.words(chosen, generator)

    def forward(
        self, noisy: torch.Tensor, timesteps: torch.Tensor, asked: torch.Tensor
    ) -> torch.Tensor:
        """The noise in noisy latents, by token ids [B, 20]."""
        return self.unet(noisy, timesteps, self.read(asked)).sample

    def export(self, folder: Path) -> None:
        """Write the file that `load_lora_weights` takes, in fp16."""
        layers = {
            name: tensor.half().contiguous()
            for name, tensor in get_peft_model_state_dict(self.unet).items()
        }
        StableDiffusionPipeline.save_lora_weights(
            folder, unet_lora_layers=layers, weight_name=FILE, safe_serialization=True
        )
