"""The groups of `overplay`, one file each."""
