"""Hooks and their secrets."""

from __future__ import annotations

import pytest

from rota.errors import Conflict, NotFound
from store.engine import Store
from store.queries import hooks
from store.records import HookRecord

SHOP = HookRecord(slug="shop", label="The web shop", created_at=1, created_by="ada")


def test_hook_opens_with_its_own_secret_only(store: Store) -> None:
    with store.writing() as conn:
        hooks.create(conn, SHOP, secret="right")
        hooks.create(conn, HookRecord(slug="other", label="", created_at=1, created_by="ada"), secret="theirs")

    with store.reading() as conn:
        assert hooks.open_with(conn, "shop", "right") == SHOP
        for slug, secret in (("shop", "theirs"), ("shop", ""), ("other", "right"), ("none", "right"), ("none", "")):
            assert hooks.open_with(conn, slug, secret) is None


def test_new_secret_replaces_the_old_one(store: Store) -> None:
    with store.writing() as conn:
        hooks.create(conn, SHOP, secret="old")
        hooks.rotate(conn, "shop", secret="new")

    with store.reading() as conn:
        assert hooks.open_with(conn, "shop", "old") is None
        assert hooks.open_with(conn, "shop", "new") == SHOP


def test_slug_is_taken_once(store: Store) -> None:
    with store.writing() as conn:
        hooks.create(conn, SHOP, secret="first")
    with pytest.raises(Conflict, match="a hook shop already"), store.writing() as conn:
        hooks.create(conn, SHOP, secret="second")

    with store.reading() as conn:
        assert hooks.open_with(conn, "shop", "first") == SHOP


def test_use_is_recorded_to_the_minute(store: Store) -> None:
    recorded = []
    with store.writing() as conn:
        hooks.create(conn, SHOP, secret="right")
        for at in (1_000, 60_999, 61_000):
            hooks.touch(conn, "shop", at=at)
            recorded.append(hooks.get(conn, "shop").used_at)

    assert recorded == [1_000, 1_000, 61_000]


def test_removed_hook_is_gone(store: Store) -> None:
    with store.writing() as conn:
        hooks.create(conn, SHOP, secret="right")
        hooks.set_enabled(conn, "shop", enabled=False)
        assert [hook.enabled for hook in hooks.list_hooks(conn)] == [False]
        hooks.remove(conn, "shop")

    with store.writing() as conn:
        assert hooks.list_hooks(conn) == []
        assert hooks.open_with(conn, "shop", "right") is None
        for change in (hooks.remove, hooks.get):
            with pytest.raises(NotFound, match="no hook shop"):
                change(conn, "shop")
        with pytest.raises(NotFound):
            hooks.set_enabled(conn, "shop", enabled=True)
        with pytest.raises(NotFound):
            hooks.rotate(conn, "shop", secret="new")
