"""Whose password is right: API_USER's at once, those of users in the database by scrypt, which takes a while.

What was found out is remembered in this process: a user who sends a thousand requests costs one hash, and one
look into the table every few seconds. A password is remembered as a keyed digest; the key is the process's.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from hiring_api.errors import DatabaseUnavailable
from hiring_api.users import passwords
from hiring_api.users.accounts import find, may_be_name
from hiring_api.users.roles import OPERATOR, Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from hiring_api.users.accounts import Account

BELIEVED: Final = (
    10  # seconds: a user who was removed, or got another password or role, has the old one no longer
)
_REMEMBERED: Final = 2000  # right passwords, and as many wrong ones
_PAUSE: Final = 1  # seconds without another try after the database could not be asked


class _Right(NamedTuple):
    """A password that was right: the hash that it fitted, whose it is, and until when that is believed."""

    fitted: str
    caller: Caller
    until: float


class Callers:
    """All who may call. The methods may be called by several threads."""

    def __init__(
        self, user: str, password: str, engine: Engine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._clock = engine, clock
        self._key = secrets.token_bytes(32)
        self._first = Caller(user, OPERATOR)
        self._first_digest = self.digest(user, password)
        self._nobodys = passwords.nobodys()
        # By the digest of user and password: those right, and the hashes that wrong ones do not fit
        self._right: OrderedDict[bytes, _Right] = OrderedDict()
        self._wrong: OrderedDict[bytes, str] = OrderedDict()
        self._remembering, self._hashing = Lock(), Lock()
        # Why the database could not be asked, and until when it is not asked again
        self._failure: tuple[str, float] | None = None

    def digest(self, user: str, password: str) -> bytes:
        """What stands for a user with a password."""
        # The length keeps ("a", "bc") and ("ab", "c") apart
        text = f"{len(user)} {user}{password}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key).digest()

    def are_known(self, user: str, password: str) -> bool:
        """True if the password was right when it was last checked, however long ago. It does not wait."""
        digest = self.digest(user, password)
        return hmac.compare_digest(digest, self._first_digest) or digest in self._right

    def find(self, user: str, password: str) -> Caller | None:
        """Find who this is; None if there is no such user or the password is wrong, which take equally long.

        At most one thread of the process computes a hash, however many ask.

        Raises:
            DatabaseUnavailable: it cannot be told, because the database cannot be asked.
        """
        digest = self.digest(user, password)
        if hmac.compare_digest(digest, self._first_digest):
            return self._first
        if not (may_be_name(user) and passwords.may_be(password)):
            return None  # nobody can have these, which is no secret
        with self._remembering:
            right = self._right.get(digest)
        if right and self._clock() < right.until:
            return right.caller
        return self._look(digest, user, password)

    def _look(self, digest: bytes, user: str, password: str) -> Caller | None:
        """Read the user's row, and check the password unless it is known already whether it fits."""
        account = self._read(user)
        if account is None or user == self._first.name:
            caller, of = None, self._nobodys
        else:
            caller, of = Caller(account.name, account.role), account.password
        fits = self._known_to_fit(digest, of)
        if fits is None:
            with self._hashing:
                # While this thread waited, another one may have found out
                fits = self._known_to_fit(digest, of)
                if fits is None:
                    fits = passwords.is_right(password, of)
                self._remember(digest, of, caller if fits else None)
        else:
            self._remember(digest, of, caller if fits else None)
        return caller if fits else None

    def _read(self, user: str) -> Account | None:
        """Read a user's row; at once raise the error again that was raised a moment ago."""
        if self._failure and self._clock() < self._failure[1]:
            raise DatabaseUnavailable(self._failure[0])
        try:
            return find(self._engine, user)
        except DatabaseUnavailable as error:
            self._failure = error.message, self._clock() + _PAUSE
            raise

    def _known_to_fit(self, digest: bytes, of: str) -> bool | None:
        """Whether the password fits the hash `of`; None if that was not found out yet, or is forgotten."""
        with self._remembering:
            if (right := self._right.get(digest)) and right.fitted == of:
                return True
            return False if self._wrong.get(digest) == of else None

    def _remember(self, digest: bytes, of: str, caller: Caller | None) -> None:
        """Note whether the password fits the hash `of`, and who that is; the oldest notes are dropped."""
        with self._remembering:
            self._right.pop(digest, None)
            self._wrong.pop(digest, None)
            if caller is None:
                self._wrong[digest] = of
            else:
                self._right[digest] = _Right(of, caller, self._clock() + BELIEVED)
            for notes in (self._right, self._wrong):
                if len(notes) > _REMEMBERED:
                    notes.popitem(last=False)
