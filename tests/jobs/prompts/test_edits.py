"""Whether a prompt changes from step to step: the same for who checks it and for who draws it."""

from __future__ import annotations

import random

from jobs.prompts.edits import changes
from worker.engine.prompt.editing import Script

SIGNS = ["[", "]", "(", ")", ":", "|", "a", "0.5", "3", " ", "\\", "\\[", " AND ", "1e2", "-1", "."]


def test_a_prompt_changes_where_the_engine_says_so():
    dice = random.Random(3)
    frames = ["{}", "[{}]", "[{}:{}]", "[a:{}:2]", "({})", "a [{}|b]"]
    changing = 0
    for _ in range(4000):
        text = "".join(dice.choice(SIGNS) for _ in range(dice.randint(1, 9)))
        prompt = dice.choice(frames).format(text, dice.choice(SIGNS))
        if " AND " in prompt:
            prompt += " "
        said = Script(prompt, "").changes
        assert changes(prompt) == said, prompt
        changing += said
    assert 500 < changing < 3500
