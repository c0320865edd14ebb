"""Passwords: what is taken, and that a hash fits one password alone."""

import hashlib
from base64 import b64decode

import pytest
from werkzeug.security import check_password_hash

from hiring_api.users import passwords

LONG = "correct horse battery"


@pytest.mark.parametrize(
    "password",
    [
        LONG,
        "x" * 12,
        "x" * 256,
        "pässwörd 密 🎉 ",
        "with:colons:in:it",
        " blanks at both ends ",
        "a$b$c$d$e$f$g",
    ],
)
def test_a_hash_fits_its_password_alone(password, monkeypatch):
    monkeypatch.setattr(passwords, "_COST", 16)  # a hash says its cost; that of real ones is tested below
    assert passwords.complaint(password) is None
    of = passwords.hashed(password)
    assert len(of) <= 255
    assert password not in of
    assert passwords.is_right(password, of)
    for other in (password + " ", password[:-1], password.swapcase(), password[::-1] + "x"):
        assert not passwords.is_right(other, of)


def test_the_hash_is_scrypt_as_another_program_computes_it():
    name, cost, block, parallel, salt, key = passwords.hashed(LONG).split("$")
    assert (name, cost, block, parallel) == ("scrypt", "16384", "8", "5")
    by_openssl = hashlib.scrypt(LONG.encode(), salt=b64decode(salt), n=16384, r=8, p=5, dklen=32)
    assert b64decode(key) == by_openssl
    # Werkzeug takes the salt as text: checked with one of our own
    salt, key = "0123456789abcdef", passwords._derive(LONG, b"0123456789abcdef", 16384, 8, 5)
    theirs = hashlib.scrypt(LONG.encode(), salt=salt.encode(), n=16384, r=8, p=5, dklen=64).hex()
    assert check_password_hash(f"scrypt:16384:8:5${salt}${theirs}", LONG)
    assert theirs.startswith(key.hex())


def test_two_hashes_of_one_password_differ():
    assert passwords.hashed(LONG) != passwords.hashed(LONG)


def test_the_two_spellings_of_a_letter_are_one():
    assert passwords.is_right("e\N{COMBINING ACUTE ACCENT}" * 12, passwords.hashed("é" * 12))


@pytest.mark.parametrize(
    "password",
    ["", "x" * 11, "x" * 257, "x" * 1_000_000, "x" * 12 + "\0", "x\n" * 12, "x\x7f" * 12, "\ud800" * 12],
)
def test_what_http_basic_cannot_send_or_anybody_can_guess_is_not_taken(password):
    assert passwords.complaint(password)


@pytest.mark.parametrize("password", ["", "x" * 257, "x\0" * 8, "\ud800" * 8])
def test_what_nobody_can_have_is_known_without_a_hash(password):
    assert not passwords.may_be(password)


@pytest.mark.parametrize(
    "of",
    [
        "",
        "plain",
        "scrypt$1$2$3$4$5",
        "scrypt$16384$8$5$!!$!!",
        "$$$$$",
        "scrypt$0$8$5$c2FsdA==$a2V5",
        "ñ$ñ$ñ",
    ],
)
def test_what_is_no_hash_fits_no_password(of):
    assert not passwords.is_right(LONG, of)


def test_nothing_fits_the_hash_of_nobody():
    assert not passwords.is_right(LONG, passwords.nobodys())


def test_generated_passwords_are_taken_and_differ():
    made = {passwords.generated() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 24 and passwords.complaint(password) is None for password in made)
