"""Like another picture: an IP-Adapter (Ye et al. 2023, arXiv:2308.06721) and its image encoder.

The encoder says in `vector` numbers what a picture shows. Four tokens are made of them, and each
attention of the U-Net that looks at the words looks at these too. The encoder learns to read in two
parts: first what pictures and words have in common, as CLIP does (Radford et al. 2021,
arXiv:2103.00020), and then, with the adapter, what helps to draw.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor2_0
from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from .. import captions
from ..export import tidy
from ..sampling import Model
from .fitting import Fitted
from .settings import Preset
from .shown.pictures import Shown, small
from .shown.views import views

TOKENS = 4  # what diffusers takes an IP-Adapter of one vector a picture to have
UNTOLD = 0.6  # how often the words say nothing: then the reference says all
SAYING_NOTHING = ("", "like this", "a picture like this", "something like this", "the same", "this")
UNSEEN = 0.08  # how often there is no reference, which guidance needs
OTHER = 0.6  # how often a reference is the same thing as somebody else drew it
FILE = "ip-adapter.safetensors"
ENCODER = "image_encoder"


@dataclass(frozen=True)
class Asked:
    """Token ids [B, 20], a reference for each as the encoder reads it, whether it counts [B]."""

    tokens: torch.Tensor
    seen: torch.Tensor
    counts: torch.Tensor


class Reference(Fitted):
    """The model with an IP-Adapter."""

    def __init__(self, model: Model, preset: Preset):
        super().__init__(model)
        self.untold = captions.encode(model.tokenizer, list(SAYING_NOTHING))
        self.view = preset.view
        self.encoder = new_encoder(preset).eval()
        attach(self.unet, preset.vector)

    def draw(
        self, shown: Shown, rows: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, Asked]:
        """Pictures, the words for them, and views of what they show."""
        chosen = shown.chosen(rows, generator)
        words = shown.words(chosen, generator)
        said = torch.randint(len(self.untold), (rows,), generator=generator)
        untold = torch.rand(rows, generator=generator) < UNTOLD
        words[untold] = self.untold[said[untold]]
        counts = torch.rand(rows, generator=generator) >= UNSEEN
        seen = views(references(shown, chosen, self.view, generator), generator)
        return shown.latents[chosen], Asked(words, seen, counts)

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

    def export(self, folder: Path) -> None:
        """Write the file that `load_ip_adapter` takes and the encoder beside it, in fp16."""
        folder.mkdir(parents=True, exist_ok=True)
        projection = self.unet.encoder_hid_proj.image_projection_layers[0]
        tensors = {
            f"image_proj.{name.replace('image_embeds', 'proj')}": tensor
            for name, tensor in projection.state_dict().items()
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


def attach(unet: UNet2DConditionModel, vector: int) -> None:
    """Have the attentions to words look at a reference too, in the beginning as they look at
    words."""
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


def adapted(unet: UNet2DConditionModel) -> list[IPAdapterAttnProcessor2_0]:
    """The attentions that look at a reference, in the order of the file."""
    every = unet.attn_processors.values()
    return [each for each in every if isinstance(each, IPAdapterAttnProcessor2_0)]


def references(
    shown: Shown, chosen: torch.Tensor, view: int, generator: torch.Generator
) -> torch.Tensor:
    """Art of what each picture shows, uint8 RGBA [len(chosen), view, view, 4]: its own, or another
    style's of the same thing."""
    own = small(shown.art[chosen], view)
    draws = torch.rand((len(chosen), 2), generator=generator)
    for row, (label, (whether, which)) in enumerate(
        zip(shown.shows[chosen].tolist(), draws.tolist(), strict=True)
    ):
        if label < 0 or whether >= OTHER:
            continue
        alike = (shown.other_shows == label).nonzero().flatten()
        own[row] = shown.others[alike[int(which * len(alike))]]
    return own
