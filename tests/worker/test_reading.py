"""What the worker takes a prompt for, and what the operator's list says of it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.request.checks import blocklist
from jobs.request.extent import Extent
from jobs.request.request import ResolvedRequest
from worker.loop.board import Board
from worker.loop.intake.inputs import Inputs

REQUEST = ResolvedRequest(
    prompt="đầu lâu", model="emoji", width=64, height=64, steps=2, guidance_scale=4, seed=1,
    sampler="ddim",
)  # fmt: skip


def prepared(request: ResolvedRequest) -> Any:
    """A slot after its preparation, by a worker whose model reads every prompt as "skull"."""
    offer = SimpleNamespace(
        read_as=lambda _model, _prompt: "skull",
        strangers=lambda _model, prompt: prompt.split()[1:],
        factor=lambda _model: 8,
    )
    board = Board()
    inputs = Inputs(board, cast("Any", None), cast("Any", offer))
    work = SimpleNamespace(part=lambda _name: nullcontext())
    slot = SimpleNamespace(
        id="1",
        request=request,
        record=SimpleNamespace(extent=Extent.of(request, {})),
        readings={},
        strangers={},
        error=None,
        work=work,
        lost=False,
        stop=False,
    )
    inputs.admit(cast("Any", slot))
    inputs.close()
    (handed_in,) = board.handed_in()
    return handed_in


def test_a_prompt_is_read_by_the_models_table():
    slot = prepared(REQUEST)
    assert (slot.readings, slot.error) == ({"đầu lâu": "skull"}, None)
    assert slot.strangers == {"đầu lâu": []}


def test_a_prompt_is_not_read_where_that_was_asked_for():
    slot = prepared(REQUEST.model_copy(update={"as_written": True}))
    assert (slot.readings, slot.strangers) == ({}, {"đầu lâu": ["lâu"]})


def test_what_is_blocked_is_refused_in_every_language_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "blocked.txt").write_text("skull\n")
    listed = blocklist.read(tmp_path / "blocked.txt")
    monkeypatch.setattr(blocklist, "current", lambda: listed)
    slot = prepared(REQUEST)
    assert slot.error.code == "refused"
    assert "skull" not in slot.error.detail
    assert prepared(REQUEST.model_copy(update={"as_written": True})).error is None
