"""Names of users and accounts: none that reads as another one's."""

import unicodedata

from oobctl.administer.change import checked_name
from oobctl.errors import InvalidParameter

_IN_LOGINS = "-_. @"
_IN_TITLES = _IN_LOGINS + "&+',;:/()!\u2019\u2013"
# Written beside Latin in one name by those who use them, and never taken for Latin letters.
_UNMISTAKABLE = frozenset({"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"})


def checked_login(name: str) -> str:
    """The name of a user. Raises InvalidParameter, with the rule, where it can't be one."""
    return _checked(name, _IN_LOGINS)


def checked_title(name: str) -> str:
    """The name of an account: a company's, so with more signs. Raises InvalidParameter, with the rule."""
    return _checked(name, _IN_TITLES)


def _checked(name: str, signs: str) -> str:
    plain = checked_name(unicodedata.normalize("NFKC", checked_name(name)))
    odd = sorted(
        {sign for sign in plain if not (sign in signs or unicodedata.category(sign)[0] in "LM" or _digit(sign))}
    )
    scripts = {_script(sign) for sign in plain if unicodedata.category(sign)[0] == "L"} - _UNMISTAKABLE
    if odd or len(scripts) > 1:
        what = f"has {' '.join(odd)}" if odd else f"mixes {' and '.join(sorted(map(str.capitalize, scripts)))} letters"
        raise InvalidParameter(
            f"The name {name!r} {what}. A name has letters of one script, digits, spaces and "
            f"{' '.join(signs.replace(' ', ''))} so that it can't be taken for another one.",
            field="name",
        )
    return name


def _digit(sign: str) -> bool:
    return unicodedata.category(sign) == "Nd"


def _script(sign: str) -> str:
    """The first word of a letter's Unicode name: LATIN SMALL LETTER A."""
    return unicodedata.name(sign, "UNKNOWN").split()[0]
