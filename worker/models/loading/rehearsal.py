"""What loading the first model of a process does once, done before there is one to load."""

from __future__ import annotations

import tempfile

from transformers import CLIPTextConfig, CLIPTextModel

from worker.models.loading.memory.free import freeze_libraries


def rehearse() -> None:
    """Load a text encoder of a few numbers, and have the collector know all libraries.

    transformers compiles a thousand patterns of weights' names at the first model that it loads,
    and the collector looks at all that was imported: together more than half a second of a
    processor, which a worker that steps in for another need not take then.
    """
    tiny = CLIPTextConfig(
        vocab_size=8,
        hidden_size=4,
        intermediate_size=4,
        projection_dim=4,
        num_hidden_layers=1,
        num_attention_heads=1,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        CLIPTextModel(tiny).save_pretrained(folder)
        CLIPTextModel.from_pretrained(folder)
    freeze_libraries()
