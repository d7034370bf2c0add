"""Pipelines that run whole on a pretended GPU: in their own thread, by diffusers' own loop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.engine.whole.helpers import SAVERS, SIZES, asked, developed, open_whole
from tests.pretended import models
from tests.pretended.accelerator.cuda import pretended_cuda
from worker.engine.whole.pipeline import WholeModel

CASES = [
    pytest.param(kind, offload, marks=() if (kind, offload) == ("sd3", None) else pytest.mark.slow)
    for kind in SAVERS
    for offload in (None, "model", "group")
]


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("kind", "offload"), CASES)
def test_a_pipeline_that_runs_whole_mixes_nothing(
    tmp_path: Path, kind: str, offload: str | None, dtype: torch.dtype
):
    pipeline = open_whole(SAVERS[kind](tmp_path / kind)).to(dtype)
    with pretended_cuda() as device:
        model = WholeModel("whole", pipeline, torch.device("cuda:0"), dtype, offload=offload)
        requests = [asked(kind)]
        if SIZES[kind] == models.SIDE // 2:
            half = models.picture()[::2, ::2].copy()
            requests += [asked(kind, image=half, strength=0.6)]
        for request in requests:
            if model.variant(request) is None:
                continue
            assert developed(model, request).std() > 0
        assert device.record.operations
        assert not device.record.mixes, "\n".join(map(str, device.record.mixes))
