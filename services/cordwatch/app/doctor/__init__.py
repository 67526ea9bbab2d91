"""Whether an installation is well: each thing looked at by itself, with what mends it."""
