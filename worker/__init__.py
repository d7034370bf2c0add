"""One process per GPU: takes jobs from Redis, runs them together in the engine, stores pictures."""
