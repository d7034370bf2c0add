"""Noise to latents, told by words: the U-Net and its text encoder.

DDPM (Ho et al. 2020, arXiv:2006.11239) in the latent space of an autoencoder (LDM, Rombach et
al. 2022, arXiv:2112.10752), with debiased weights (Yu et al. 2023, arXiv:2310.08442). Pictures are
drawn from it in `sampling`.
"""

import copy
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTextConfig, CLIPTextModel

from . import parallel
from .captions import VOCABULARY, WINDOW
from .training import Average, Budget, Loop, Stop, seeded, trapezoid

# The schedule of Stable Diffusion, so that every classic sampler works on the model.
NOISE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
HEAVIEST = 10.0  # weight of a timestep
# Steps that the processes of a parallel training go alone before their weights are averaged.
APART = 8


class Diffusion(nn.Module):
    """The two networks that are trained together: words in, predicted noise out."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel):
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder

    def forward(
        self, latents: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor
    ) -> torch.Tensor:
        """Noise [B, 4, h, w] in noisy latents [B, 4, h, w] at timesteps [B], tokens [B, 20]."""
        words = self.text_encoder(tokens).last_hidden_state  # [B, 20, width]
        return self.unet(latents, timesteps, words).sample


def build(
    channels: tuple[int, ...], layers: int, text_width: int, text_layers: int, sample_size: int
) -> Diffusion:
    """New networks. The first level (most pixels) has no attention, the others have it."""
    unet = UNet2DConditionModel(
        sample_size=sample_size,
        in_channels=4,
        out_channels=4,
        block_out_channels=channels,
        layers_per_block=layers,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * (len(channels) - 1)),
        up_block_types=(*["CrossAttnUpBlock2D"] * (len(channels) - 1), "UpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=4,  # in SD 1.x configs this field is the number of heads
        norm_num_groups=16,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=VOCABULARY,
            hidden_size=text_width,
            intermediate_size=4 * text_width,
            num_hidden_layers=text_layers,
            num_attention_heads=text_width // 32,
            max_position_embeddings=WINDOW,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
        )
    )
    return Diffusion(unet, text_encoder)


def load(folder: Path) -> Diffusion:
    """Networks from an exported model, to train further."""
    return Diffusion(
        UNet2DConditionModel.from_pretrained(folder, subfolder="unet", dtype=torch.float32),
        CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", dtype=torch.float32),
    )


def loss(
    network: nn.Module,
    latents: torch.Tensor,
    tokens: torch.Tensor,
    schedule: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """The noise prediction loss of one batch.

    DDPM eq. 4 makes latents of any timestep at once: z_t = sqrt(a_t) z_0 + sqrt(1 - a_t) e, with
    a_t the product of (1 - beta) up to t; eq. 14 asks the network for e. A timestep weighs
    1 / sqrt(snr), snr = a_t / (1 - a_t) (Yu et al. 2023): what a picture shows is settled while it
    is nearly all noise, and there a small error of e is a large one of the picture.

    Timesteps are stratified: one from each of B equal ranges, which keeps the loss calm.
    """
    noisy, timesteps, noise, weights = noised(latents, schedule, generator)
    dtype = next(network.parameters()).dtype
    return error(network(noisy.to(dtype), timesteps, tokens), noise, weights)


def noised(
    latents: torch.Tensor, schedule: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents [B, 4, h, w] with noise, their timesteps [B], that noise, and what each row weighs
    [B]."""
    rows, device = len(latents), latents.device
    ranges = torch.arange(rows, device=device) / rows
    spread = ranges + torch.rand(rows, generator=generator, device=device) / rows
    timesteps = (spread * len(schedule)).long().clamp_(max=len(schedule) - 1)  # [B]
    noise = torch.randn(latents.shape, generator=generator, device=device)
    kept = schedule[timesteps].view(-1, 1, 1, 1)
    noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
    snr = (kept / (1 - kept)).flatten()
    return noisy, timesteps, noise, snr.rsqrt().clamp(max=HEAVIEST)


def error(predicted: torch.Tensor, noise: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """How far predicted noise [B, 4, h, w] is from what it should be, by the weights of rows."""
    squares = F.mse_loss(predicted.float(), noise, reduction="none").mean(dim=(1, 2, 3))  # [B]
    return (squares * weights).mean()


def plain_attention(device: torch.device) -> AbstractContextManager:
    """On a CPU, attention as three plain operations: the backward of the flash kernel is slow
    there for so few tokens (28 % of a step)."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


class Half:
    """A copy of a network in bfloat16, which steps forth and back while the network itself keeps
    its weights in full (mixed precision, Micikevicius et al. 2018, arXiv:1710.03740).

    On a CPU a step takes a fifth less than under autocast, which casts anew around each norm.
    """

    def __init__(self, network: nn.Module):
        self.network = copy.deepcopy(network).to(torch.bfloat16)
        both = zip(network.parameters(), self.network.parameters(), strict=True)
        self.pairs = [(full, half) for full, half in both if full.requires_grad]

    @torch.no_grad()
    def give_gradients(self) -> None:
        """The copy's gradients become the network's."""
        for full, half in self.pairs:
            full.grad = None if half.grad is None else half.grad.to(full.dtype)
            half.grad = None

    @torch.no_grad()
    def take_weights(self) -> None:
        """The network's weights become the copy's."""
        for full, half in self.pairs:
            half.copy_(full)


def train(
    network: Diffusion,
    latents: torch.Tensor,
    captions: torch.Tensor,
    weights: torch.Tensor,
    *,
    budget: Budget,
    folder: Path,
    rate: float,
    batch: int,
    decay: float,
    seed: int,
    device: torch.device,
    compile_network: bool,
    sample_minutes: float,
    stop: Stop,
    sample: Callable[[Diffusion, int], None],
) -> bool:
    """Train on scaled latents [N, 4, h, w] and caption ids [N, K, 20], drawn by `weights` [N].

    Leaves the averaged weights in `network`. False if stopped before the budget was used.
    """
    network.to(device).train()
    network.unet.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.99), fused=True
    )
    average = Average(network, decay)
    rows = batch // parallel.size()
    latents, captions, weights = latents.to(device), captions.to(device), weights.to(device)
    schedule = DDPMScheduler(**NOISE).alphas_cumprod.to(device)
    # On a CPU the compiler writes C++, and not every machine can turn that into a program.
    able = device.type != "cpu" or shutil.which("g++") is not None
    half = Half(network)
    forward = torch.compile(half.network) if compile_network and able else half.network

    def step_fn(step: int, used: float) -> dict[str, float]:
        generator = seeded(device, seed, step)
        chosen = torch.multinomial(weights, rows, replacement=True, generator=generator)
        variant = torch.randint(captions.shape[1], (rows,), generator=generator, device=device)
        for group in optimizer.param_groups:
            group["lr"] = rate * trapezoid(used)
        asked = captions[chosen, variant].long()
        half.take_weights()
        with plain_attention(device):
            value = loss(forward, latents[chosen], asked, schedule, generator)
            value.backward()
        half.give_gradients()
        norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % APART == APART - 1:
            parallel.average_weights(network.parameters())
        if step % 10:  # reading a figure waits for a GPU; a tenth of them is enough
            return {}
        return {"loss": value.item(), "gradient": norm.item(), "rate": rate * trapezoid(used)}

    def sample_average(step: int) -> None:
        network.eval()
        with average.applied():
            sample(network, step)
        network.train()

    loop = Loop(
        "diffusion",
        folder,
        budget,
        {"network": network, "optimizer": optimizer},
        average,
        stop,
        sample_average,
        sample_minutes=sample_minutes,
        apart=APART if parallel.size() > 1 else 1,
    )
    finished = loop.run(step_fn)
    with torch.no_grad():
        torch._foreach_copy_(list(network.parameters()), average.mean)
    network.eval()
    return finished
