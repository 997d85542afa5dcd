"""Taking out of what BMCs say whatever tells one server from another: the same value is always the same placeholder."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from oobctl.drivers import media_slots, vocabulary

_SHORTEST = 3  # a shorter value stands in half of all words
_SHORTEST_NUMBER = 5
_SHORTEST_NAME = 5  # a name of fewer letters is replaced where it is the whole of a value, or of a part of a path
_GLUED = 7  # a value of this length, with a digit, is looked for inside of words too: "BMC" and a serial, say
_NO_VALUES = frozenset(
    {"", "none", "n/a", "na", "null", "unknown", "not specified", "not available", "default string", "default",
     "to be filled by o.e.m.", "localhost", "true", "false", "ok", "enabled", "disabled", "string", "administrator",
     "operator", "readonly", "noaccess", "callback", "user", "username", "bmc", "server", "system", "host", "manager"}
)  # fmt: skip
_EVERYBODYS = frozenset({"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1"})  # noqa: S104 - nothing binds to it

_KEYS = (
    ("image", r"^(remote)?image_?(ur[il]|path|file|name)?$"),
    ("secret", r"passw|passphrase|secret|token$|private_?key|public_?key|community|licen[cs]e_?key|activation"
               r"|entitlement|certificate_?string"),
    ("mac", r"mac(address)?$|^mac_?addr"),
    ("id", r"uuid|guid|wwn|wwpn|wwnn|durablename|worldwide|^iqn|^nqn|eui$|fingerprint"),
    ("serial", r"serial_?(number|no|num)?$|service_?tag|servicecode|^sku$|^protectedidentificationnumber$|^ppin$"),
    ("asset", r"asset_?(tag|number)$|owner_?tag"),
    ("address", r"nameservers$|ntpservers?$|syslogservers?$"),
    ("host", r"host_?name|fqdn|dnsname|domain_?name|^systemname$|server_?name|rac_?name|node_?name|commonname"),
    ("user", r"^user_?name$|createdby|^admin(name|email|phone|otherinfo)|^owner$|contactname$|^email(address)?$"),
    ("place", r"postaladdress|^placement$|^contacts$|latitude|longitude|altitude|datacenter|^rack(name|slot)?$|^room"),
)  # fmt: skip
_KINDS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _KEYS)
_GONE = frozenset({"secret", "place"})
_NAMES = frozenset({"host", "user", "asset"})  # people choose them, ordinary words among them
_NOT_LEARNED = _GONE | {"image"}
_NUMBERS_TOO = frozenset({"serial", "asset", "id"})
_NUMBERED = re.compile(r"_[0-9A-F]{4}$")  # some makers number their BIOS attributes
_VERSION_KEY = re.compile(r"version|firmware|revision|release", re.IGNORECASE)
_STRUCTURE = re.compile(r"^@odata\.(type|context)$|^(AttributeName|RegistryPrefix|MessageId|DataType)$")

_HEX = re.compile(r"(?i)(0x)?[0-9a-f]+([:-]?[0-9a-f]+)*")
_PIECES = (
    r"(?P<url>\b[a-z][a-z0-9+.-]*:(?:/|\\/){2}[^\s\"'<>]+)"
    rf"|(?P<media>{media_slots.OUR_MEDIA.pattern})"
    r"|(?P<mail>\b(?:iqn|nqn)\.[^\s\"',)]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<uuid>(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f]))"
    r"|(?P<pairs>(?<![0-9a-f])[0-9a-f]{2}(?P<sep>[:-])(?:[0-9a-f]{2}(?P=sep)){4,18}[0-9a-f]{2}(?![0-9a-f]))"
    r"|(?P<ipv4>(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\w))"
    r"|(?P<ipv6>(?<![\w:.])(?=[0-9a-f]*:[0-9a-f]*:)[0-9a-f:]+(?:\.\d{1,3}){0,3}(?!\w))"
    r"|(?P<hex>(?<![0-9a-z])(?:0x)?(?=[0-9]*[a-f])(?:[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32,64})(?![0-9a-z]))"
    r"|(?P<word>[a-z0-9]+)"
)


class Scrubber:
    """First `learn` what is known and `read` all that there is, then `scrub`: what is learned later was missed."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._words: dict[str, str] = {}  # learned values of one word, in lower case
        self._phrases: dict[str, str] = {}  # and of several
        self._names: dict[str, str] = {}  # names, which may be ordinary words
        self._spelt: dict[str, str] = {}  # as they were given: lower case may have other letters, and more of them
        self._ordinary: set[str] = set(vocabulary.WORDS)
        self._looked_for: dict[str, str] = {}  # words, with the names among them that are no ordinary ones
        self._whole: dict[str, str] = {}  # phrases, with those names
        self._long: list[str] = []
        self._tokens: dict[str, str | None] = {}  # words that were looked at
        self._done: dict[tuple[str, bool], str] = {}
        self._pieces: re.Pattern[str] | None = None

    # --- learning

    def learn(self, kind: str, value: str | None) -> None:
        """A value to be taken out wherever it stands. kind: secret, serial, asset, host, user, id, mac or address."""
        text = (value or "").strip()
        folded = text.casefold()
        if folded in _NO_VALUES or folded in self._words or folded in self._phrases:
            return
        placeholder = self._placeholder(kind, text)
        self._forget()
        self._spelt[folded] = text
        if kind in _NAMES and not _is_hex(text):
            self._names[folded] = placeholder
            return
        if _is_hex(text):  # and without what stands between its digits
            bare = re.sub(r"[:-]", "", text)
            self._words[bare.casefold()] = self._placeholder(kind, bare)
        known = self._words if re.fullmatch(r"[A-Za-z0-9]+", text) else self._phrases
        known[folded] = placeholder

    def spare(self, words: Iterable[str]) -> None:
        """Words in lower case that tell of nobody: a name that is one is replaced only where a key says that it is."""
        self._ordinary.update(words)
        self._forget()

    def _forget(self) -> None:
        """What was worked out from what was known until now."""
        self._pieces = None
        self._done.clear()
        self._tokens.clear()

    def read(self, content: Any, kind: str | None = None) -> None:
        """Learn from a resource whatever its keys say is one server's alone, as far as it is no common word."""
        if isinstance(content, dict):
            for key, value in content.items():
                self.spare(vocabulary.of_property(str(key), value))
                self.read(value, _kind_of(str(key)))
        elif isinstance(content, list):
            for item in content:
                self.read(item, kind)
        elif isinstance(content, str) and kind is not None and kind not in _NOT_LEARNED and _is_telling(content):
            self.learn(kind, content)

    # --- scrubbing

    def scrub(self, content: Any, key: str = "") -> Any:
        """The same JSON with placeholders; secrets and places are gone altogether."""
        kind = _kind_of(key)
        if isinstance(content, dict):
            if kind == "place":
                return "***"
            return {self._key(str(name)): self.scrub(value, str(name)) for name, value in content.items()}
        if isinstance(content, list):
            return [self.scrub(item, key) for item in content]
        if isinstance(content, str):
            return self._value(content, key, kind)
        return 0 if kind in _NUMBERS_TOO and _is_number(content) else content

    def _value(self, content: str, key: str, kind: str | None) -> str:
        if kind == "image":  # as readings have it: keys stand in queries and in paths alike
            return self.text(media_slots.file_name(content))
        if kind is not None and content.strip().casefold() not in _NO_VALUES | _EVERYBODYS:
            return "***" if kind in _GONE else self._placeholder(kind, content.strip())
        return content if _STRUCTURE.search(key) else self.text(content, version=bool(_VERSION_KEY.search(key)))

    def _key(self, key: str) -> str:
        """The name of a property is no value, whoever is called so; one with digits may be somebody's own."""
        return self.text(key) if re.search(r"\d", key) else key

    def text(self, text: str, *, version: bool = False) -> str:
        """A text with placeholders. version: four numbers with dots in it are no address."""
        known = self._done.get((text, version))
        if known is None:
            known = self._done[text, version] = self._pattern().sub(lambda found: self._piece(found, version), text)
        return known

    def _pattern(self) -> re.Pattern[str]:
        """All that is looked for, in one pass: a placeholder is not looked at again."""
        if self._pieces is None:
            names = {name: made for name, made in self._names.items() if name not in self._ordinary}
            short = {name for name in names if len(name) < _SHORTEST_NAME and name.isalpha()}
            words = {name for name in names if re.fullmatch(r"[a-z0-9]+", name)} - short
            self._looked_for = self._words | {word: names[word] for word in words}
            self._whole = self._phrases | {name: made for name, made in names.items() if name not in words}
            self._long = [word for word in self._looked_for if len(word) >= _GLUED and re.search(r"\d", word)]
            spelt = {self._spelt[one] for one in self._whole} | set(self._whole)
            whole = sorted(spelt, key=len, reverse=True)
            phrases = "|".join(_alone(one) if one.casefold() in short else _bounded(one) for one in whole)
            self._pieces = re.compile(f"(?P<phrase>{phrases})|{_PIECES}" if phrases else _PIECES, re.IGNORECASE)
        return self._pieces

    def _piece(self, found: re.Match[str], version: bool) -> str:
        text, what = found[0], found.lastgroup
        if what == "phrase":
            return self._whole.get(text.casefold(), "***")
        if what == "url":
            return self._url(text.replace("\\/", "/"), version)
        if what == "media":
            return "/media/***"
        if what in {"ipv4", "ipv6"}:
            return text if version and what == "ipv4" else self._address(text)
        if what == "word":
            return self._word(text)
        return self._placeholder("host" if what == "mail" else "id", text)

    def _url(self, url: str, version: bool) -> str:
        """Without user, password and query; of an address of our media service the file's name alone stays."""
        scheme, _, rest = media_slots.bare(url).partition("://")
        if media_slots.OUR_MEDIA.search(url):
            rest = f"{rest.partition('/')[0]}/media/***/{media_slots.file_name(url)}"
        return f"{scheme}://{self._pattern().sub(lambda found: self._piece(found, version), rest)}"

    def _address(self, text: str) -> str:
        address = _parsed(text)
        if address is None or str(address) in _EVERYBODYS or text.startswith("255."):
            return text
        return self._placeholder("address", text)

    def _word(self, text: str) -> str:
        word = text.casefold()
        if word not in self._tokens:
            known = self._looked_for
            holding = next((known[long] for long in self._long if long in word), None)
            self._tokens[word] = known.get(word, holding)
        return self._tokens[word] or text

    # --- placeholders

    def _placeholder(self, kind: str, value: str) -> str:
        """In the form that such a value has, and recognisably nobody's."""
        digits = re.sub(r"^0x|[:-]", "", value.casefold()) if _is_hex(value) else None
        address = _parsed(value)
        key = digits or str(address or value).casefold()
        if key not in self._placeholders:
            counted = "hex" if digits else "address" if address else kind
            self._counts[counted] = number = self._counts.get(counted, 0) + 1
            self._placeholders[key] = str(number) if digits else _made(counted, address, number)
        made = self._placeholders[key]
        return _in_form(made, value) if digits else made


@lru_cache(maxsize=4096)
def _kind_of(key: str) -> str | None:
    key = _NUMBERED.sub("", key)
    return next((kind for kind, pattern in _KINDS if pattern.search(key)), None)


def _is_telling(value: str) -> bool:
    """No word that stands in many places, where it would be replaced as well."""
    text = value.strip()
    if text.casefold() in _NO_VALUES | _EVERYBODYS or len(set(text)) == 1:
        return False
    return len(text) >= (_SHORTEST_NUMBER if text.isdigit() else _SHORTEST)


def _is_number(content: Any) -> bool:
    return isinstance(content, (int, float)) and not isinstance(content, bool)


def _is_hex(value: str) -> bool:
    """A UUID, a MAC address, a WWN: twelve hexadecimal digits or more, whatever stands between them."""
    return len(re.sub(r"[^0-9A-Fa-f]", "", value.removeprefix("0x"))) >= 12 and _HEX.fullmatch(value) is not None


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _bounded(phrase: str) -> str:
    """Not inside of a longer word."""
    before = "(?<![A-Za-z0-9])" if phrase[0].isalnum() else ""
    after = "(?![A-Za-z0-9])" if phrase[-1].isalnum() else ""
    return before + re.escape(phrase) + after


def _alone(name: str) -> str:
    """The whole of a value, or of a part of a path."""
    return rf"(?<![^/]){re.escape(name)}(?![^/#])"


def _made(kind: str, address: IPv4Address | IPv6Address | None, number: int) -> str:
    if isinstance(address, IPv6Address):
        return f"2001:db8::{number:x}"
    if address is not None:  # RFC 5737 has three nets for examples
        net, last = divmod(number - 1, 254)
        nets = ("192.0.2", "198.51.100", "203.0.113")
        return f"{nets[net]}.{last + 1}" if net < len(nets) else f"address-{number:04}"
    return f"{kind}-{number:04}"


def _in_form(number: str, value: str) -> str:
    """A number written as `value` is, with its colons or dashes; one of twelve digits is a MAC address of nobody's."""
    prefix, rest = ("0x", value[2:]) if value.lower().startswith("0x") else ("", value)
    places = [index for index, letter in enumerate(rest) if letter not in ":-"]
    digits = number.rjust(len(places), "0")
    written = list(rest)
    for place, digit in zip(places, "02" + digits[2:] if len(places) == 12 else digits, strict=True):
        written[place] = digit
    return prefix + "".join(written)
