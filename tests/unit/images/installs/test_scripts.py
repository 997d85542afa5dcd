"""iPXE scripts that somebody brings: what is taken, what of it is kept, who is given it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oobctl.images.installs import scripts


def request(script: str) -> scripts.ScriptRequest:
    return scripts.ScriptRequest(saved=None, script=script)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo hello", "begins with the line #!ipxe"),
        ("", "begins with the line #!ipxe"),
        (" #!ipxe\necho hello", "begins with the line #!ipxe"),
        ("#!ipxe\necho \x1b[2J", "without control characters"),
        ("#!ipxe\necho h\u00e9", "plain ASCII"),
        ("#!ipxe\n" + "#" * 70_000, "at most 65536"),
    ],
)
def test_what_is_no_script_is_refused(script: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        request(script)


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40), max_size=20))
def test_a_script_is_given_as_it_was_written(lines: list[str]) -> None:
    text = "\n".join(["#!ipxe", *lines]).strip("\n") + "\n"
    assert request(text.replace("\n", "\r\n")).script == text
    assert scripts.keep(request(text)).lines == text.count("\n")
