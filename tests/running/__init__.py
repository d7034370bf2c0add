"""The parts of Darkroom as tests start and stop them: Redis, the API, workers, and one by hand."""
