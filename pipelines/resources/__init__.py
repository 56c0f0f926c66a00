"""What runs are given: the engine that fans out, the store, models."""
