"""What is sealed opens only where it was sealed, with the key it was sealed with."""

from __future__ import annotations

import pytest

from store import crypto
from store.crypto import CryptoError, Keyring

OLD, NEW, INDEX = b"o" * 32, b"n" * 32, {"h1": b"i" * 32}
PLAIN = "王秀兰 19900000001".encode()


@pytest.fixture
def ring() -> Keyring:
    return Keyring({"old": OLD}, "old", INDEX, "h1")


def test_a_value_comes_back_and_is_not_readable_meanwhile(ring: Keyring) -> None:
    sealed = ring.seal(PLAIN, "patient/name/1")
    assert ring.open(sealed, "patient/name/1") == PLAIN
    assert PLAIN not in sealed
    assert ring.seal(PLAIN, "patient/name/1") != sealed  # a nonce of its own each time


@pytest.mark.parametrize("elsewhere", ["patient/name/2", "patient/phone/1", "contact/name/1", ""])
def test_a_value_moved_elsewhere_does_not_open(ring: Keyring, elsewhere: str) -> None:
    sealed = ring.seal(PLAIN, "patient/name/1")
    with pytest.raises(CryptoError):
        ring.open(sealed, elsewhere)


@pytest.mark.parametrize("at", [0, 1, 3, 8, 20, -1])
def test_a_changed_byte_does_not_open(ring: Keyring, at: int) -> None:
    sealed = bytearray(ring.seal(PLAIN, "c"))
    sealed[at] ^= 1
    with pytest.raises(CryptoError):
        ring.open(bytes(sealed), "c")


@pytest.mark.parametrize("length", [0, 1, 2, 10, 20])
def test_a_cut_value_does_not_open(ring: Keyring, length: int) -> None:
    with pytest.raises(CryptoError):
        ring.open(ring.seal(PLAIN, "c")[:length], "c")


def test_errors_never_hold_content(ring: Keyring) -> None:
    with pytest.raises(CryptoError) as caught:
        ring.open(ring.seal(PLAIN, "patient/name/77"), "patient/name/78")
    assert "patient/name" in str(caught.value)
    assert "78" not in str(caught.value)
    assert "王" not in str(caught.value)


def test_keys_rotate(ring: Keyring) -> None:
    before = ring.seal(PLAIN, "c")
    both = Keyring({"new": NEW, "old": OLD}, "new", INDEX, "h1")
    after = both.seal(PLAIN, "c")
    assert both.open(before, "c") == both.open(after, "c") == PLAIN
    with pytest.raises(CryptoError, match="BANYI_DATA_KEYS"):
        ring.open(after, "c")
    with pytest.raises(CryptoError, match="BANYI_DATA_KEYS"):
        Keyring({"new": NEW}, "new", INDEX, "h1").open(before, "c")


def test_the_same_key_id_with_another_key_does_not_open(ring: Keyring) -> None:
    with pytest.raises(CryptoError):
        Keyring({"old": NEW}, "old", INDEX, "h1").open(ring.seal(PLAIN, "c"), "c")


def test_look_ups_find_the_same_and_only_the_same(ring: Keyring) -> None:
    assert ring.lookup("19900000001", "phone") == ring.lookup("19900000001", "phone")
    assert ring.lookup("19900000001", "phone") != ring.lookup("19900000001", "record")
    assert ring.lookup("19900000001", "phone") != ring.lookup("19900000002", "phone")
    assert ring.lookup("a\x00b", "k") != ring.lookup("b", "k\x00a")[:0] + ring.lookup("a", "k")
    other = Keyring({"old": OLD}, "old", {"h1": b"x" * 32, "h2": b"i" * 32}, "h2")
    assert other.lookup("19900000001", "phone").startswith("h2:")
    assert other.lookup("x", "phone") != ring.lookup("x", "phone")


def test_names_are_found_by_two_characters(ring: Keyring) -> None:
    whole = set(ring.bigrams("欧阳小满", "name"))
    assert len(whole) == 3
    for part in ("欧阳", "阳小", "小满"):
        assert set(ring.bigrams(part, "name")) <= whole
    assert not set(ring.bigrams("小阳", "name")) & whole
    assert len(ring.bigrams("李", "name")) == 1
    assert not set(ring.bigrams("欧阳", "other")) & whole


@pytest.mark.parametrize(
    ("keys", "current", "index", "index_current"),
    [
        ({"a": b"short"}, "a", INDEX, "h1"),
        ({"a": OLD}, "b", INDEX, "h1"),
        ({"a": OLD}, "a", INDEX, "h2"),
    ],
)
def test_a_wrong_ring_is_refused(
    keys: dict[str, bytes], current: str, index: dict[str, bytes], index_current: str
) -> None:
    with pytest.raises(ValueError, match="key"):
        Keyring(keys, current, index, index_current)


def test_the_installed_ring_is_the_one_in_use(keyring: Keyring, ring: Keyring) -> None:

    assert crypto.keyring() is keyring
    crypto.install(ring)
    assert crypto.keyring() is ring
    assert crypto.lookup("a", "b") == ring.lookup("a", "b")
