"""What was sealed is kept for a while, and no longer."""

from __future__ import annotations

from bus.connection import Bus


def test_a_ciphertext_is_read_by_its_id_until_its_time_is_over(bus: Bus) -> None:
    bus.seals.keep("one", b"\x00\xffcipher", seconds=600)
    bus.seals.keep("two", b"gone", seconds=600)

    assert bus.seals.read("one") == b"\x00\xffcipher"
    assert 0 < bus.client.ttl(bus.keys.sealed("one")) <= 600
    assert bus.seals.read("three") is None
    bus.seals.drop(["one", "three"])
    bus.seals.drop([])
    assert bus.seals.read("one") is None
    assert bus.seals.read("two") == b"gone"
    bus.client.pexpire(bus.keys.sealed("two"), 0)
    assert bus.seals.read("two") is None
