"""Logs: what a traceback shows."""

import io
import logging
import sys

import pytest
import structlog

from oobctl.cli import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fails(password: str) -> None:
    raise RuntimeError(f"a login with {len(password)} characters failed")


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_traceback_in_the_log_shows_no_local_variable(
    home: object, monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    said, secret = stream(), "canary-local"
    monkeypatch.setattr(sys, "stderr", said)
    logs.set_up()
    try:
        try:
            fails(secret)
        except RuntimeError:
            structlog.get_logger().exception("it failed")
    finally:
        structlog.reset_defaults()
    assert "a login with 12 characters failed" in said.getvalue()
    assert "canary" not in said.getvalue()


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_control_character_reaches_no_log_line_from_either_kind_of_logger(
    home: object, monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    said, hostile = stream(), "/x\n2026-11-24 INFO forged \x1b]0;title\x07"
    monkeypatch.setattr(sys, "stderr", said)
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    logs.set_up()
    try:
        structlog.get_logger().warning("refused", path=hostile)
        logging.getLogger("oobctl.web").warning("refused %s", hostile)
        try:
            raise RuntimeError(hostile)
        except RuntimeError:
            logging.getLogger("oobctl.web").exception("it failed at %s", hostile)
    finally:
        structlog.reset_defaults()
        root.handlers = before
    text = said.getvalue().replace("\x1b[", "")  # the colours are ours
    assert "\x1b" not in text
    assert "\x07" not in text
    assert [line for line in text.splitlines() if line.startswith("2026-11-24 INFO")] == []
    assert text.count("forged") >= 4
