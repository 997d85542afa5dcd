"""What passes between a browser and a BMC's own console beside the content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.consoles.launch import headers

ORIGIN, BMC = "https://c-1.consoles.example", ("https://10.0.0.5:443", "https://10.0.0.5")


def test_the_bmc_gets_neither_the_browsers_cookies_nor_its_address_nor_who_it_is() -> None:
    sent = {
        "Cookie": "a=b",
        "Authorization": "Basic eA==",
        "X-Forwarded-For": "198.51.100.9",
        "Forwarded": "for=1",
        "Host": "evil",
        "Transfer-Encoding": "chunked",
        "Referer": ORIGIN,
        "Origin": ORIGIN,
        "Accept-Encoding": "br",
        "Accept": "text/html",
        "Content-Type": "application/json",
        "X-Requested-With": "XMLHttpRequest",
    }
    told = headers.to_bmc(sent.items(), BMC[1])
    assert told == {
        "Accept": "text/html",
        "Content-Type": "application/json",
        "X-Requested-With": "XMLHttpRequest",
        "Origin": BMC[1],
        "Referer": f"{BMC[1]}/",
    }


def test_the_browser_gets_no_cookie_no_login_window_and_no_word_of_who_else_may_read() -> None:
    said = {
        "Set-Cookie": "SESSION=1",
        "WWW-Authenticate": 'Basic realm="10.0.0.5"',
        "Access-Control-Allow-Origin": "*",
        "Content-Security-Policy": "default-src *",
        "Server": "lighttpd",
        "Link": "<https://10.0.0.5>",
        "Via": "10.0.0.5",
        "Content-Type": "text/html",
        "ETag": '"1"',
        "Location": "https://10.0.0.5/",
        "Refresh": "0;url=https://evil",
        "Clear-Site-Data": '"*"',
        "Service-Worker-Allowed": "/",
        "Strict-Transport-Security": "max-age=1",
    }
    told = headers.to_browser(said.items(), ORIGIN)
    assert {name: told[name] for name in ("Content-Type", "ETag", "Server")} == {
        "Content-Type": "text/html",
        "ETag": '"1"',
        "Server": "oobctl",
    }
    assert told["Content-Security-Policy"] == headers.confining(ORIGIN)["Content-Security-Policy"]
    assert "wss://c-1.consoles.example" in told["Content-Security-Policy"]
    left = set(told) - set(headers.confining(ORIGIN))
    assert left == {"Content-Type", "ETag"}


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_header_becomes_two(name: str, value: str) -> None:
    told = headers.to_browser([(name, value), ("Content-Type", f"text/html{value}")], ORIGIN)
    told |= headers.to_bmc([(name, value), ("Accept", value)], None)
    assert not any(sign in "\r\n\0" for text in told.values() for sign in text)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("https://10.0.0.5/viewer?a=b#c", "/viewer?a=b#c"),
        ("https://10.0.0.5:443/", "/"),
        ("https://10.0.0.5", "/"),
        ("HTTPS://10.0.0.5/x", "/x"),
        ("/viewer/", "/viewer/"),
        ("next.html", "next.html"),
        ("?a=1", "?a=1"),
        ("", ""),
        ("https://evil.example/", None),
        ("//evil.example/", None),
        ("https://10.0.0.5@evil.example/", None),
        ("http://10.0.0.5/", None),
        ("https://10.0.0.5//evil.example/", None),
        ("https://10.0.0.55/", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("/\\evil.example", None),
        ("\\\\evil.example", None),
        ("https://10.0.0.5/\r\nX: y", None),
        ("https://10.0.0.5/\t/evil.example/", None),
        ("/\t/evil.example/", None),
        ("https://10.0.0.5?x=1", "/?x=1"),
        ("https://[10.0.0.5/", None),
    ],
)
def test_a_redirect_leads_to_the_bmc_itself_or_nowhere(said: str, told: str | None) -> None:
    assert headers.location(said, BMC) == told


@pytest.mark.parametrize(
    ("told", "websocket", "own"),
    [
        ({"Origin": ORIGIN}, True, True),
        ({"Origin": "null"}, True, False),
        ({}, True, False),
        ({"Sec-Fetch-Site": "same-origin"}, True, False),
        ({}, False, True),
        ({"Sec-Fetch-Site": "none"}, False, True),
        ({"Sec-Fetch-Site": "same-site"}, False, False),
        ({"Sec-Fetch-Site": "cross-site"}, False, False),
        ({"Origin": "https://c-2.consoles.example", "Sec-Fetch-Site": "same-origin"}, False, False),
        ({"Origin": f"{ORIGIN}.evil.example"}, False, False),
    ],
)
def test_only_pages_at_the_same_name_ask(told: dict[str, str], websocket: bool, own: bool) -> None:
    assert headers.from_own_page(told, ORIGIN, websocket=websocket) is own
