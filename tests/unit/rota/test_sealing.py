"""Secrets that a person typed: in two parts, of which neither tells anything."""

from __future__ import annotations

import pytest

from rota.sealing import Sealed, id_of, key_in, keyless, seal, shown, unseal

SECRET = "Grüße, \udcff and 🔑"


def test_a_secret_opens_with_its_key_only() -> None:
    one, other = seal(SECRET), seal(SECRET)

    assert unseal(one) == SECRET
    assert SECRET.encode("utf-8", "surrogatepass") not in one.ciphertext
    assert one.ciphertext != other.ciphertext
    for wrong in (
        Sealed(one.id, other.key, one.ciphertext),
        Sealed(other.id, one.key, one.ciphertext),
        Sealed(one.id, one.key, one.ciphertext[:-1]),
        Sealed(one.id, "no key", one.ciphertext),
        Sealed(one.id, one.key, b""),
    ):
        with pytest.raises(ValueError, match="does not open"):
            unseal(wrong)


def test_messages_carry_no_key_and_people_see_nothing() -> None:
    sealed = seal(SECRET)
    params = {"password": sealed.reference, "paths": ["a"], "note": f"not {sealed.reference}"}

    sent = keyless(params)

    assert sent["password"] == f"sealed:{sealed.id}"
    assert id_of(sent["password"]) == id_of(sealed.reference) == sealed.id
    assert shown(params)["password"] == shown(sent)["password"] == "***"
    assert {**shown(params), "password": ""} == {**params, "password": ""}
    assert keyless({"password": "env:ZIP"}) == {"password": "env:ZIP"}


def test_a_key_is_found_by_the_id_of_its_secret() -> None:
    sealed = seal(SECRET)

    assert key_in({"x": 1, "password": sealed.reference}, sealed.id) == sealed.key
    assert key_in({"password": sealed.reference}, seal(SECRET).id) is None
    assert key_in(keyless({"password": sealed.reference}), sealed.id) is None


@pytest.mark.parametrize("text", ["", "sealed:", "env:X", "sealed:abc", "hunter2", "sealed:../../x"])
def test_other_texts_are_no_references(text: str) -> None:
    assert id_of(text) is None
