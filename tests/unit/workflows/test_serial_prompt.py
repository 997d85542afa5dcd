"""A prompt for a log-in is found at the end of what a serial line shows, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.workflows.serial_prompt import prompt_in


@pytest.mark.parametrize(
    ("heard", "prompt"),
    [
        (b"\r\nDebian GNU/Linux 12 web01 ttyS0\r\n\r\nweb01 login: ", "web01 login:"),
        (b"[  OK  ] Reached target\r\n\x1b[0mdb01 login: \x1b[K", "db01 login:"),
        (b"web01 login: \r\n", "web01 login:"),
        (b"web01 login: root\r\nPassword: ", None),
        (b"GRUB loading..", None),
        (b"", None),
    ],
)
def test_what_asks_for_a_log_in_is_told(heard: bytes, prompt: str | None) -> None:
    assert prompt_in(heard) == prompt


@given(st.binary(max_size=400))
def test_any_bytes_are_read_and_what_is_told_is_a_line_of_plain_signs(heard: bytes) -> None:
    assert (prompt_in(heard) or "x").isprintable()
    assert (prompt_in(heard + b"\r\nx login: ") or "").endswith("login:")
