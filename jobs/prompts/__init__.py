"""The language of prompts, as far as it is read before a worker: tags, joins, templates, styles."""
