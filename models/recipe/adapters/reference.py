"""Like another picture: an IP-Adapter (Ye et al. 2023, arXiv:2308.06721) and its image encoder.

The encoder says in `vector` numbers what a picture shows. Four tokens are made of them, and each
attention of the U-Net that looks at the words looks at these too. After `reading` the tokens are
what words would be, so a picture is drawn as its name is, from the first step on. What is learnt
then is what no name says, by the picture's own noise; and what words beside a picture mean, by what
the model itself makes of the name with those words (distillation, Hinton et al. 2015,
arXiv:1503.02531).
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor2_0,
    IPAdapterAttnProcessor2_0,
)
from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextModel, CLIPVisionConfig, CLIPVisionModelWithProjection

from .. import captions
from ..diffusion import NOISE, noised
from ..export import tidy
from ..sampling import Model
from .beside import Beside
from .fitting import Fitted
from .reading import PLACES, states
from .settings import Preset
from .shown.pictures import Shown
from .shown.views import references, views

TOKENS = len(PLACES)  # what diffusers takes an IP-Adapter of one vector a picture to have
UNTOLD = 0.6  # how often the words say nothing: then the reference says all
CHANGED = 0.6  # how often words beside another's picture change something about it
LISTENED = 32  # latents that show what attentions answer
UNSEEN = 0.08  # how often there is no reference, which guidance needs
FILE = "ip-adapter.safetensors"
ENCODER = "image_encoder"


@dataclass(frozen=True)
class Asked:
    """Token ids [B, 20], a reference for each as the encoder reads it, whether it counts [B]; and
    what says all of it in words [B, 20], where the model's own answer to that is the aim [B]."""

    tokens: torch.Tensor
    seen: torch.Tensor
    counts: torch.Tensor
    told: torch.Tensor
    taught: torch.Tensor


class Reference(Fitted):
    """The model with an IP-Adapter."""

    def __init__(self, model: Model, preset: Preset):
        super().__init__(model)
        self.beside = Beside(model.tokenizer)
        self.encoder = new_encoder(preset).eval()
        self.projection = attach(self.unet, preset.vector)
        say_nothing(self.projection, self.text_encoder, captions.encode(model.tokenizer, [""]))

    def draw(
        self, shown: Shown, rows: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, Asked]:
        """Pictures, the words for them, and views of what they show."""
        chosen = shown.single(rows, generator)
        art, another = references(shown, chosen, generator)
        seen = views(art, generator)
        counts = torch.rand(rows, generator=generator) >= UNSEEN
        words = shown.words(chosen, generator)
        untold = (words == shown.nothing).all(1) | (torch.rand(rows, generator=generator) < UNTOLD)
        words[untold] = self.beside.nothing(int(untold.sum()), generator)
        told = words.clone()
        for row in (another & counts).nonzero().flatten().tolist():
            name = shown.names[shown.shows[chosen[row]]].long()
            if untold[row]:
                told[row] = name
            elif torch.rand((), generator=generator) < CHANGED:
                words[row], told[row] = self.beside.change(name, generator)
        return shown.latents[chosen], Asked(words, seen, counts, told, another | ~counts)

    def forward(self, noisy: torch.Tensor, timesteps: torch.Tensor, asked: Asked) -> torch.Tensor:
        """The noise in noisy latents, like references."""
        vectors = self.encoder(asked.seen.to(noisy.dtype)).image_embeds
        vectors = vectors * asked.counts[:, None]
        return self.unet(
            noisy,
            timesteps,
            self.read(asked.tokens),
            added_cond_kwargs={"image_embeds": [vectors[:, None]]},
        ).sample

    @torch.no_grad()
    def aim(
        self, noisy: torch.Tensor, timesteps: torch.Tensor, noise: torch.Tensor, asked: Asked
    ) -> torch.Tensor:
        """The noise that there is, or what the model without adapter says when told in words."""
        rows = asked.taught
        if not rows.any():
            return noise
        said = self.without(noisy[rows], timesteps[rows], asked.told[rows])
        noise = noise.clone()
        noise[rows] = said.float()
        return noise

    def without(
        self, noisy: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor
    ) -> torch.Tensor:
        """The noise in noisy latents, as the model says without the adapter."""
        nothing = noisy.new_zeros((len(noisy), 1, self.encoder.config.projection_dim))
        for each in adapted(self.unet):
            each.scale = [0.0]
        said = self.unet(
            noisy,
            timesteps,
            self.read(tokens),
            added_cond_kwargs={"image_embeds": [nothing]},
        ).sample
        for each in adapted(self.unet):
            each.scale = [1.0]
        return said

    @torch.no_grad()
    def begin(self, shown: Shown, generator: torch.Generator) -> None:
        """Have a reference take the place of words that say nothing: what the attentions answer to
        these, whatever they look at, is taken from what they answer to a reference."""
        answers: dict[nn.Module, torch.Tensor] = {}

        def listen(layer: nn.Module, given: tuple[torch.Tensor]) -> None:
            answers[layer] = given[0].mean((0, 1))

        outs = [attention.to_out[0] for attention, _ in attentions(self.unet)]
        ears = [out.register_forward_pre_hook(listen) for out in outs]
        latents = shown.latents[shown.single(LISTENED, generator)]
        schedule = DDPMScheduler(**NOISE).alphas_cumprod
        noisy, timesteps, _, _ = noised(latents, schedule, generator)
        self.without(noisy, timesteps, shown.nothing.expand(LISTENED, -1))
        for ear in ears:
            ear.remove()
        # All tokens come out of one norm, so that this of each is 1.
        norm = self.projection.norm
        one = (1 / norm.weight) / (norm.bias / norm.weight).sum()
        for attention, processor in attentions(self.unet):
            less = torch.outer(answers[attention.to_out[0]], one)
            processor.to_v_ip[0].weight.copy_(attention.to_v.weight - less)

    def export(self, folder: Path) -> None:
        """Write the file that `load_ip_adapter` takes and the encoder beside it, in fp16."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"image_proj.{name.replace('image_embeds', 'proj')}": tensor
            for name, tensor in self.projection.state_dict().items()
        }
        # The file counts all attentions, those of a picture to itself too.
        for number, each in enumerate(adapted(self.unet)):
            at = f"ip_adapter.{2 * number + 1}"
            tensors[f"{at}.to_k_ip.weight"] = each.to_k_ip[0].weight
            tensors[f"{at}.to_v_ip.weight"] = each.to_v_ip[0].weight
        halved = {name: each.detach().half().contiguous() for name, each in tensors.items()}
        save_file(halved, folder / FILE, metadata={"format": "pt"})
        self.encoder.half().save_pretrained(folder / ENCODER)
        self.encoder.float()
        tidy(folder / ENCODER)


def new_encoder(preset: Preset) -> CLIPVisionModelWithProjection:
    """CLIP's image encoder, small."""
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=preset.width,
            intermediate_size=4 * preset.width,
            num_hidden_layers=preset.layers,
            num_attention_heads=preset.heads,
            image_size=preset.view,
            patch_size=preset.patch,
            projection_dim=preset.vector,
            hidden_act="gelu",
        )
    )


def attach(unet: UNet2DConditionModel, vector: int) -> ImageProjection:
    """Have the attentions to words look at a reference too, in the beginning as they look at
    words; returns what makes tokens of a vector."""
    width = unet.config.cross_attention_dim
    processors = {}
    for name in [*unet.attn_processors]:
        attention = unet.get_submodule(name.removesuffix(".processor"))
        if not attention.is_cross_attention:
            processors[name] = AttnProcessor2_0()
            continue
        processor = IPAdapterAttnProcessor2_0(attention.inner_dim, width, num_tokens=(TOKENS,))
        processor.to_k_ip[0].load_state_dict(attention.to_k.state_dict())
        processor.to_v_ip[0].load_state_dict(attention.to_v.state_dict())
        processors[name] = processor.requires_grad_(True)
    unet.set_attn_processor(processors)
    projection = ImageProjection(vector, width, TOKENS)
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([projection])
    unet.config.encoder_hid_dim_type = "ip_image_proj"
    return projection


def adapted(unet: UNet2DConditionModel) -> list[IPAdapterAttnProcessor2_0]:
    """The attentions' processors that look at a reference, in the order of the file."""
    every = unet.attn_processors.values()
    return [each for each in every if isinstance(each, IPAdapterAttnProcessor2_0)]


def attentions(unet: UNet2DConditionModel) -> list[tuple[Attention, IPAdapterAttnProcessor2_0]]:
    """The attentions that look at words, and their processors, which look at a reference."""
    found = [each for each in unet.modules() if isinstance(each, Attention)]
    return [
        (each, each.processor)
        for each in found
        if isinstance(each.processor, IPAdapterAttnProcessor2_0)
    ]


@torch.no_grad()
def say_nothing(
    projection: ImageProjection, text_encoder: CLIPTextModel, nothing: torch.Tensor
) -> None:
    """Have no picture be read as no words [1, 20] are, and tokens be states of the text encoder."""
    norm = text_encoder.final_layer_norm
    projection.norm.load_state_dict(norm.state_dict())
    plain = (states(text_encoder, nothing).unflatten(1, (TOKENS, -1)) - norm.bias) / norm.weight
    projection.image_embeds.bias.copy_(plain.flatten())
