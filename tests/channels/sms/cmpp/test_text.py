"""Parts of a long message, and what handsets answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sms.cmpp.codec import Malformed
from channels.sms.cmpp.text import Part, decode, split, take_header
from channels.sms.template import count_parts


def test_seventy_characters_are_one_part_and_seventy_one_are_two() -> None:
    assert [len(content) for content in split("好" * 70, 9)] == [140]
    first, second = split("好" * 71, 9)
    assert first[:6].hex() == "050003090201"
    assert second.hex() == "050003090202" + "597d" * 4
    assert len(first) == 140


def test_a_pair_of_surrogates_stays_together() -> None:
    first, second = split("好" * 66 + "😀" + "好" * 10, 1)
    assert (len(first), len(second)) == (6 + 132, 6 + 24)
    assert second[6:10] == "😀".encode("utf-16-be")


@given(st.text(max_size=600), st.integers(0, 255))
def test_the_parts_are_the_text(text: str, reference: int) -> None:
    contents = split(text, reference)
    whole = text.encode("utf-16-be", "replace").decode("utf-16-be")
    assert all(len(content) <= 140 for content in contents)
    if len(contents) == 1:
        assert decode(contents[0], 8) == whole
        return
    read = [take_header(content) for content in contents]
    assert [part for part, _ in read] == [
        Part(reference, len(contents), number) for number in range(1, len(contents) + 1)
    ]
    assert "".join(decode(piece, 8) for _, piece in read) == whole
    if not any(ord(char) > 0xFFFF for char in text):
        assert len(contents) == count_parts(text)


def test_headers_of_either_width() -> None:
    assert take_header(bytes.fromhex("050003aa0302") + b"x") == (Part(0xAA, 3, 2), b"x")
    assert take_header(bytes.fromhex("060804abcd0301") + b"x") == (Part(0xABCD, 3, 1), b"x")
    assert take_header(bytes.fromhex("06050415811582") + b"x") == (None, b"x")


@pytest.mark.parametrize(
    "content", ["", "05", "0500", "050003aa03", "050003aa0300", "050003aa0304", "0200ff41", "010041"]
)
def test_broken_headers(content: str) -> None:
    with pytest.raises(Malformed):
        take_header(bytes.fromhex(content))


def test_alphabets() -> None:
    assert decode("好".encode("gbk"), 15) == "好"
    assert decode("好的😀".encode("utf-16-be"), 8) == "好的😀"
    assert decode(b"R", 0) == "R"
    for content, fmt in ((b"\xff", 0), (b"\xff", 15), (b"\x00", 8), (b"\xd8\x00", 8), (b"R", 4), (b"R", 99)):
        with pytest.raises(Malformed):
            decode(content, fmt)


def test_too_much_for_the_protocol() -> None:
    with pytest.raises(Malformed):
        split("好" * (67 * 255 + 1), 1)
