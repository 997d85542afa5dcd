"""The host names of BMCs' own consoles."""

import pytest

from oobctl.consoles.launch import names
from oobctl.errors import ConfigurationError

URL = "https://consoles.example.net:8443"


def test_each_key_has_a_name_of_its_own_which_tells_nothing_of_it() -> None:
    label = names.label_of("key one")
    assert names.open_url(URL, "key one") == f"https://{label}.consoles.example.net:8443/.oobctl/open"
    assert label != names.label_of("key two")
    assert len(label) == 34


@pytest.mark.parametrize(
    ("host", "found"),
    [
        (f"c-{'0' * 32}.consoles.example.net:8443", True), (f"c-{'0' * 32}.consoles.example.net", False),
        (f"C-{'0' * 32}.consoles.example.net:8443", False), (f"c-{'0' * 31}.consoles.example.net:8443", False),
        (f"x.c-{'0' * 32}.consoles.example.net:8443", False), (f"c-{'0' * 32}.evil.example:8443", False),
        ("consoles.example.net:8443", False), ("127.0.0.1", False), ("", False), (None, False),
        (f"c-{'0' * 32}.consoles.example.net:8443\n", False),
    ],
)  # fmt: skip
def test_a_host_is_one_of_ours_or_nothing(host: str | None, found: bool) -> None:
    assert (names.label_in(host, URL) is not None) is found


@pytest.mark.parametrize(
    ("launch", "panel"),
    [
        ("https://consoles.example.net", "https://panel.example.com"),
        ("https://example.net:8443/", "https://panel.example.com"),
        ("https://a.co.uk", "https://b.co.uk"),
        ("http://consoles.localhost:8510", "http://localhost:8480"),
        ("http://consoles.localhost:8510", "http://127.0.0.1:8480"),
    ],
)
def test_a_domain_apart_from_the_panels_is_taken(launch: str, panel: str) -> None:
    assert names.check(launch, panel) == launch.rstrip("/")


@pytest.mark.parametrize(
    ("launch", "panel", "why"),
    [
        ("https://consoles.example.com", "https://panel.example.com", "belongs to example.com"),
        ("https://consoles.panel.example.com", "https://panel.example.com", "belongs to example.com"),
        ("https://example.com", "https://panel.example.com", "belongs to example.com"),
        ("https://a.example.co.uk", "https://panel.example.co.uk", "belongs to example.co.uk"),
        ("https://co.uk", "https://panel.example.com", "nobody's own"),
        ("http://localhost:1", "http://127.0.0.1:8480", "nobody's own"),
        ("http://consoles.example.net", "https://panel.example.com", "only over https"),
        ("https://198.51.100.1", "https://panel.example.com", "an address takes none"),
        ("https://[2001:db8::1]", "https://panel.example.com", "is no http"),
        ("https://0x7f.1", "https://panel.example.com", "an address takes none"),
        ("https://a.example.net:99999", "https://panel.example.com", "is no http"),
        ("https://a.example.net:0", "https://panel.example.com", "is no http"),
        ("https://a.example.net:", "https://panel.example.com", "is no http"),
        ("https://*.example.net", "https://panel.example.com", "is no http"),
        ("https://a.example.net'; script-src *", "https://panel.example.com", "is no http"),
        ("https://a.xn--bcher-kva.de", "https://panel.bücher.de", "belongs to xn--bcher-kva.de"),
        ("consoles.example.net", "https://panel.example.com", "is no http"),
        ("https://consoles.example.net/a", "https://panel.example.com", "is no http"),
        ("https://me@consoles.example.net", "https://panel.example.com", "is no http"),
    ],
)
def test_any_other_is_refused_with_the_reason(launch: str, panel: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        names.check(launch, panel)
