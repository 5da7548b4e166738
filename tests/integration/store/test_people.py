"""Users, the tokens that stand for them, and the audit of their deeds."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from rota.errors import Conflict, NotFound
from rota.ids import new_id
from store.engine import Store
from store.queries import audit, tokens, users
from store.records import Deed, TokenRecord, UserRecord
from tests.factories import NOW

ALICE = UserRecord(name="alice", label="Alice", role="operator", created_at=NOW)


def _token(**fields: object) -> TokenRecord:
    defaults = {
        "id": new_id(),
        "user": "alice",
        "label": "laptop",
        "purpose": "api",
        "role": "viewer",
        "created_at": NOW,
    }
    return TokenRecord(**(defaults | fields))  # type: ignore[arg-type]


@pytest.fixture
def people(store: Store) -> Store:
    with store.writing() as conn:
        users.save(conn, ALICE)
    return store


def _find(store: Store, secret: str, at: int = NOW) -> TokenRecord | None:
    with store.reading() as conn:
        return tokens.find(conn, secret, at=at)


def test_a_user_is_saved_and_changed(people: Store) -> None:
    with people.writing() as conn:
        assert users.find(conn, "alice") == ALICE
        users.save(conn, UserRecord(name="alice", label="A.", role="admin", created_at=NOW + 9, password_hash="h"))

        assert users.list_users(conn) == [
            UserRecord(name="alice", label="A.", role="admin", created_at=NOW, password_hash="h")
        ]
        assert users.find(conn, "bob") is None


def test_a_token_is_found_by_its_secret_which_is_not_stored(people: Store) -> None:
    token = _token()
    with people.writing() as conn:
        tokens.create(conn, token, secret="s3cret")
        stored = str(conn.execute(text("SELECT * FROM tokens")).all())

    assert _find(people, "s3cret") == token
    assert _find(people, "S3cret") is None
    assert "s3cret" not in stored


def test_an_expired_token_or_one_of_a_locked_user_is_not_valid(people: Store) -> None:
    with people.writing() as conn:
        tokens.create(conn, _token(expires_at=NOW + 10), secret="s")
    assert _find(people, "s", NOW + 9) is not None
    assert _find(people, "s", NOW + 10) is None

    with people.writing() as conn:
        users.save(conn, UserRecord(name="alice", label="", role="admin", created_at=NOW, enabled=False))
    assert _find(people, "s") is None


def test_a_sign_in_works_once(people: Store) -> None:
    with people.writing() as conn:
        tokens.create(conn, _token(purpose="sign_in"), secret="once")
        tokens.create(conn, _token(), secret="api")

        assert tokens.redeem(conn, "once", at=NOW) is not None
        assert tokens.redeem(conn, "once", at=NOW) is None
        assert tokens.redeem(conn, "api", at=NOW) is None


def test_a_use_is_recorded_to_the_minute(people: Store) -> None:
    token = _token()
    with people.writing() as conn:
        tokens.create(conn, token, secret="s")

        assert [tokens.touch(conn, token, at=at) for at in (NOW, NOW + 59_999, NOW + 60_000)] == [True, False, True]
        assert [found.used_at for found in tokens.list_tokens(conn, "alice")] == [NOW + 60_000]


def test_a_revoked_token_is_gone(people: Store) -> None:
    token = _token()
    with people.writing() as conn:
        tokens.create(conn, token, secret="s")
        tokens.revoke(conn, token.id)
        with pytest.raises(NotFound):
            tokens.revoke(conn, token.id)

    assert _find(people, "s") is None


def test_a_token_needs_a_user_and_a_secret_of_its_own(people: Store) -> None:
    with people.writing() as conn:
        tokens.create(conn, _token(), secret="s")
    for token, secret in ((_token(user="bob"), "t"), (_token(), "s")):
        with pytest.raises(Conflict), people.writing() as conn:
            tokens.create(conn, token, secret=secret)


def test_deeds_are_listed_newest_first(store: Store) -> None:
    deeds = [
        Deed(at=NOW + number, who="alice" if number % 2 else "rota", action="job.save", target=f"job:{number % 3}",
             address="127.0.0.1", detail={"version": number})
        for number in range(5)
    ]  # fmt: skip
    with store.writing() as conn:
        audit.add(conn, deeds)
        audit.add(conn, [])

    with store.reading() as conn:
        first = audit.list_deeds(conn, limit=3)
        second = audit.list_deeds(conn, limit=3, cursor=first.next)
        assert [deed.detail["version"] for deed in first.items + second.items] == [4, 3, 2, 1, 0]
        assert [deed.at for deed in audit.list_deeds(conn, who="alice", target="job:0").items] == [NOW + 3]
