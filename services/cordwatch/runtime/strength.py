"""How long a key or a secret is at least: said once, for all who are given one."""

from __future__ import annotations

from typing import Final

SECRET_BYTES_MIN: Final = 16
"""Of a secret that somebody shows: 128 bits, if it was made by chance."""
RSA_BITS_MIN: Final = 2048
"""What most identity providers have, unless they are told otherwise."""
RSA_BITS_STRONG: Final = 3072
"""As strong as a cipher of 128 bits."""
