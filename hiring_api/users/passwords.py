"""Passwords: which are taken, and their hashes by scrypt (RFC 7914).

A hash is text, with all that is needed to check a password: `scrypt$16384$8$5$<salt>$<key>`, in base64.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from base64 import b64decode, b64encode
from typing import Final

FEWEST: Final = 12  # characters
MOST: Final = 256
# What OWASP's Password Storage Cheat Sheet recommends, with the least memory of its choices but one: 16 MB
_COST, _BLOCK, _PARALLEL = 16384, 8, 5
_MEMORY: Final = 64 * 1024 * 1024  # bytes that OpenSSL may take
_BYTES: Final = 32


def generated() -> str:
    """A new password of 24 letters, digits, `-` and `_`: 144 random bits."""
    return secrets.token_urlsafe(18)


def complaint(password: str) -> str | None:
    """What is wrong with a password that somebody wants to have, as a sentence; None if it is taken."""
    if not FEWEST <= len(password) <= MOST:
        return f"a password must have {FEWEST} to {MOST} characters"
    if not may_be(password):
        return "a password must not have control characters or halves of characters"
    return None


def may_be(password: str) -> bool:
    """True if somebody can have this password: HTTP Basic (RFC 7617) sends no control characters."""
    return 0 < len(password) <= MOST and not any(
        unicodedata.category(character) in {"Cc", "Cs"} for character in password
    )


def hashed(password: str) -> str:
    """The hash of a password that `may_be` one, with a new salt. It takes about a tenth of a second."""
    salt = secrets.token_bytes(16)
    return _text(salt, _derive(password, salt, _COST, _BLOCK, _PARALLEL))


def nobodys() -> str:
    """A hash to compare with where there is no user: no password fits it, and that takes as long to find."""
    return _text(secrets.token_bytes(16), secrets.token_bytes(_BYTES))


def is_right(password: str, of: str) -> bool:
    """True if the hash is that of the password, which `may_be` one. It takes about a tenth of a second."""
    try:
        name, cost, block, parallel, salt, key = of.split("$")
        known, found = (
            b64decode(key),
            _derive(password, b64decode(salt), int(cost), int(block), int(parallel)),
        )
    except ValueError:  # somebody has written into the table
        return False
    return name == "scrypt" and hmac.compare_digest(known, found)


def _derive(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    # The same letters come in two spellings, é or e with an accent: keyboards differ
    text = unicodedata.normalize("NFC", password).encode()
    return hashlib.scrypt(text, salt=salt, n=cost, r=block, p=parallel, maxmem=_MEMORY, dklen=_BYTES)


def _text(salt: bytes, key: bytes) -> str:
    values = (b64encode(value).decode() for value in (salt, key))
    return "$".join(("scrypt", *map(str, (_COST, _BLOCK, _PARALLEL)), *values))
