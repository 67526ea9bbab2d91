"""The key for references is exchanged, and every patient stays who they are."""
