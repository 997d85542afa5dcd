"""What a line showed last: bounded, and from the start of a line on."""

from hypothesis import given
from hypothesis import strategies as st

from oobctl.consoles.scrollback import LIMIT, Scrollback


def test_the_last_lines_are_kept_whole() -> None:
    kept = Scrollback()
    lines = [f"line {number}\r\n".encode() for number in range(100_000)]
    for line in lines:
        kept.add(line)
    text = kept.text()
    assert LIMIT - 100 < len(text) <= LIMIT
    assert text.startswith(b"line ")
    assert b"".join(lines).endswith(text)


def test_a_line_without_an_end_is_cut_where_it_has_to_be() -> None:
    kept = Scrollback(100)
    kept.add(b"x" * 200_000)
    assert kept.text() == b"x" * 100


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 60))
def test_what_is_told_is_the_end_of_what_was_shown(chunks: list[bytes], limit: int) -> None:
    kept = Scrollback(limit)
    for chunk in chunks:
        kept.add(chunk)
    text, shown = kept.text(), b"".join(chunks)
    assert shown.endswith(text)
    assert len(text) <= limit
    assert text == shown or not text or shown[: len(shown) - len(text)].endswith(b"\n") or len(text) == limit
