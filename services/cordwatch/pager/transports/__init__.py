"""The ways to tell somebody: each turns a page into what its destination understands, and an answer into an outcome."""
