"""What a BMC says, with its address replaced by the browser's, and its secrets by nothing; piece by piece."""

import html
import ipaddress
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

_BINARY = re.compile(
    r"\s*(?:image/(?!svg)|font/|audio/|video/|application/(?:octet-stream|wasm|zip|gzip|pdf|java-archive|font|x-font"
    r"|vnd\.ms-fontobject))",
    re.I,
)
_WIDE = re.compile(r"charset\s*=\s*\"?\s*(?:utf-?(?:16|32|7)|ucs|iso-10646|unicode|cp037|ebcdic|ibm)", re.I)
_STARS = b"******"
_LOOKS = 3  # bytes before and after a match that it depends on


def is_text(content_type: str | None) -> bool:
    """Whether content of such a type is rewritten: all but what browsers surely take for no page and no script."""
    return content_type is None or _BINARY.match(content_type) is None


def is_wide(start: bytes) -> bool:
    """Whether a body begins as one of two or four bytes a sign, in which nothing would be found."""
    return start.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))


def names_wide(content_type: str | None) -> bool:
    """Whether a type names such an encoding."""
    return _WIDE.search(content_type or "") is not None


class Rewriter:
    """For one BMC. address, port: where it is. origin: the browser's address of it. hidden: what becomes stars."""

    def __init__(self, address: str, port: int, origin: str, hidden: Iterable[str] = ()) -> None:
        scheme, _, host = origin.partition("://")
        self._schemes = {b"https": scheme.encode(), b"wss": b"wss" if scheme == "https" else b"ws"}
        self._host, self._hostname = host.encode(), host.partition(":")[0].encode()
        secrets = sorted({form for one in hidden if one for form in _written(one)}, key=len, reverse=True)
        names = [name.encode() for name in _names(address)]
        stars = b"|".join(re.escape(secret) for secret in secrets) or b"(?!)"
        self._pattern = re.compile(
            b"(?P<hidden>%s)|(?:(?P<scheme>https|wss)(?P<slashes>:(?:%s){2}))?(?:%s)(?:%s)(?P<port>(?::|%%3[aA])%d(?![0-9]))?%s"
            % (stars, rb"\\?/", _before(address), b"|".join(map(re.escape, names)), port, _after(address))
        )
        self._needles = (*secrets, *names)
        longest = max(len(one) for one in [*secrets, *names])
        self.held = longest + len(rb"https:\/\/") + len(b"%3A65535") + _LOOKS
        """Bytes that no match is longer than, with what stands beside it."""

    def piecewise(self) -> "Pieces":
        """For one body."""
        return Pieces(self)

    def whole(self, content: bytes) -> bytes:
        """Of content that is all there."""
        return self.part(content, 0, len(content))

    def part(self, content: bytes, start: int, end: int) -> bytes:
        """Of what is there the part from start to end; what stands before and after it is looked at."""
        if not self._may_match(content):
            return content[start:end]
        found, at = [], start
        for match in self._pattern.finditer(content, start):
            if match.start() >= end:
                break
            found += [content[at : match.start()], self._instead(content, match)]
            at = match.end()
        return b"".join([*found, content[at:end]])

    def _may_match(self, content: bytes) -> bool:
        """Quick: most of what a BMC says has neither its address in it nor a secret."""
        return any(needle in content for needle in self._needles)

    def _instead(self, content: bytes, match: "re.Match[bytes]") -> bytes:
        if match["hidden"] is not None:
            return _STARS
        scheme = b"" if match["scheme"] is None else self._schemes[match["scheme"]] + match["slashes"]
        other_port = match["port"] is None and re.match(rb":[0-9]", content[match.end() : match.end() + 2])
        return scheme + (self._hostname if other_port else self._host)

    def sure(self, content: bytes, start: int) -> int:
        """Up to where `part` of it is the same whatever follows."""
        end = max(start, len(content) - self.held)
        if not self._may_match(content):
            return end
        for match in self._pattern.finditer(content, start):
            if match.start() >= end:
                break
            if match.end() > end:
                return match.start()
        return end


class Pieces:
    """One body, as it comes: what may be the beginning of something is held back until more is there."""

    def __init__(self, rewriter: Rewriter) -> None:
        self._rewriter = rewriter
        self._content, self._done = b"", 0  # what was passed on of it is kept as far as matches look back

    def add(self, content: bytes) -> bytes:
        """What can be passed on now."""
        self._content += content
        return self._pass(self._rewriter.sure(self._content, self._done))

    def end(self) -> bytes:
        """The rest."""
        return self._pass(len(self._content))

    def _pass(self, end: int) -> bytes:
        found = self._rewriter.part(self._content, self._done, end)
        kept = max(0, end - _LOOKS)
        self._content, self._done = self._content[kept:], end - kept
        return found


def _written(secret: str) -> set[bytes]:
    """A secret as it is, and as it stands in pages, scripts and addresses."""
    forms = {secret, html.escape(secret), html.escape(secret, quote=False), json.dumps(secret)[1:-1]}
    forms |= {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return {form.encode("utf-8", "replace") for form in forms}


def _before(address: str) -> bytes:
    """What may stand before an address: nothing that makes it another one. Escapes make it none."""
    escapes = rb"(?<=%[0-9A-Fa-f][0-9A-Fa-f])|(?<=\\[nrtbf])"
    if _version(address) == 4:
        return escapes + rb"|(?<![0-9])(?<![0-9]\.)"
    return escapes + rb"|(?<![0-9A-Za-z:-])"


def _after(address: str) -> bytes:
    return rb"(?![0-9])(?!\.[0-9])" if _version(address) == 4 else rb"(?![0-9A-Za-z-])"


def _version(address: str) -> int | None:
    """None: it is a name."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def _names(address: str) -> list[str]:
    """How a BMC may write its own address; the longest first."""
    if _version(address) is None:
        return sorted({address, address.lower(), address.upper()})
    if _version(address) == 4:
        dots = (".", "%2e", "%2E", "&#46;", "&#x2e;", "&#x2E;", "&period;", "\\u002e", "\\u002E", "\\x2e", "\\x2E")
        return sorted((dot.join(address.split(".")) for dot in dots), key=len, reverse=True)
    found = ipaddress.IPv6Address(address)
    written = {form for one in (str(found), found.exploded) for form in (one, one.upper())}
    forms = {form.format(one) for one in written for form in ("[{}]", "%5B{}%5D", "%5b{}%5d", "{}")}
    return sorted(forms, key=len, reverse=True)
