"""For a hospital without a way out: what is carried in, and the proof that it needs nothing else."""
