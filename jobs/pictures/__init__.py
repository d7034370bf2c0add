"""Picture bytes: the store, and strangers' pictures decoded safely. Knows no job and no Redis."""
