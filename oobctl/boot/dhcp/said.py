"""What dnsmasq says, in our log."""

import re

import structlog

from oobctl.repeated import Repeated

log = structlog.get_logger()

_SAY_AGAIN_SECONDS = 600.0
_STRANGER_SECONDS = 1.0  # whoever invents cards fills no log
_ASKED = re.compile(r"\b(?:DHCP[A-Z]+|PXE)\(.*?((?:[0-9a-f]{2}:){5}[0-9a-f]{2})")
_TROUBLE = re.compile(r"dnsmasq-dhcp.*(?:no address|cannot|failed)")


class Said:
    """Whom it answers, each time; what troubles it and who asks in vain, now and then, for anybody can ask."""

    def __init__(self) -> None:
        self._again, self._strangers = Repeated(_SAY_AGAIN_SECONDS), Repeated(_STRANGER_SECONDS)

    def take(self, line: str) -> None:
        """Log this line, if it is due."""
        asked = _ASKED.search(line)
        if asked is not None and "ignored" in line:
            if self._strangers.due("") is not None and self._again.due(asked.group(1)) is not None:
                log.info("DHCP answers none but servers that are to be installed", said=line)
        elif _TROUBLE.search(line):
            if self._again.due(line.partition(": ")[2]) is not None:
                log.warning("DHCP is in trouble", said=line)
        elif asked is not None:
            log.info("DHCP", said=line)
        else:
            log.debug("dnsmasq", said=line)
