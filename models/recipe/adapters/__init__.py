"""The recipe of the adapters: what is fitted beside the model that ships, which stays as it is.

Read it in the order in which it runs: `shown` (what all of them are shown, encoded once), then one
of three kinds: `style` (a LoRA that draws in ink), `edges` (a ControlNet that draws along lines)
and `reference` (an IP-Adapter that draws like another picture, after its encoder learnt `reading`;
`beside` are the words beside that picture). `fitting` is the training that they share, `looks`
tells what came of it.
`python -m models.recipe.adapters --kind style` runs one of them.
"""
