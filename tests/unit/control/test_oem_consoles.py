"""Who may open the console in a BMC's own pages, and what becomes of its key."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update

from oobctl import administer, control
from oobctl.access import SYSTEM
from oobctl.access.identify import Presented, digest, identify
from oobctl.access.sign_in import sign_in, sign_out
from oobctl.administer.endpoints import add_endpoint
from oobctl.config import settings
from oobctl.consoles import admission, tokens
from oobctl.consoles.launch import names
from oobctl.constants import ConsoleKind, ConsoleMode, Protocol, RecordConsoles
from oobctl.control import OpenedConsole
from oobctl.errors import InvalidParameter, NoGateway, NotAllowed, NoWay
from oobctl.jobs import recovery
from oobctl.profiles.load import SHIPPED
from oobctl.store import Bmc, Process, Server, Site, database
from tests.furnished import endpoint
from tests.installation import CUSTOMER, Installation

OEM, CONTROL = ConsoleKind.OEM, ConsoleMode.CONTROL
GATEWAY, LAUNCH_URL = "gateway-1", "https://consoles.example.net"


@pytest.fixture
def site(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A site with a gateway; web01's BMC speaks Redfish and shows its console in pages that need no token."""
    content = yaml.safe_load((SHIPPED / "hpe-ilo5.yaml").read_text())
    content |= {"name": "plain", "match": {"protocols": ["redfish"], "any_of": []}}
    content["consoles"]["launch"] |= {"token_in_browser": False, "page_cookies": []}
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("OOBCTL_HWPROFILES", str(tmp_path))
    settings.cache_clear()
    with database().write() as session:
        server = session.get_one(Server, installation.servers["web01"])
        found = session.get_one(Site, server.site_id)
        if all(one.protocol is not Protocol.REDFISH for one in server.bmc.endpoints):
            add_endpoint(session, found, server.bmc, endpoint(server.bmc.endpoints[0].address, Protocol.REDFISH))
        site_id = found.id
    recovery.beat(GATEWAY, "gateway", site_id, first=True, url="http://127.0.0.1:9", launch_url=LAUNCH_URL)
    profile("plain")
    yield installation
    settings.cache_clear()


def profile(name: str) -> None:
    with database().write() as session:
        session.execute(update(Bmc).values(profile=name))


def open_one(site: Installation, who: str = "customer") -> OpenedConsole:
    return control.open_console(site.actor(who), "web01", OEM, CONTROL)


def redeem(token: str, *, oem: bool = True) -> tokens.Ticket:
    return tokens.redeem(token, gateway=GATEWAY, cookie=None, same_name=False, address="198.51.100.9", oem=oem)


def test_its_key_is_posted_to_a_name_of_its_own_and_opens_nothing_else(site: Installation) -> None:
    opened = open_one(site)
    assert opened.launch == names.open_url(LAUNCH_URL, opened.token)
    assert opened.token not in opened.launch
    with pytest.raises(NotAllowed):
        redeem(opened.token, oem=False)
    assert redeem(opened.token).kind is OEM
    with pytest.raises(NotAllowed):
        redeem(opened.token)


def test_a_key_of_a_screen_opens_none(site: Installation) -> None:
    with database().write() as session:
        server = session.get_one(Server, site.servers["web01"])
        found = session.get_one(Site, server.site_id)
        add_endpoint(session, found, server.bmc, endpoint(server.bmc.endpoints[0].address, Protocol.VNC))
    opened = control.open_console(site.actor("customer"), "web01", ConsoleKind.GRAPHICAL, CONTROL)
    assert opened.launch is None
    with pytest.raises(NotAllowed):
        redeem(opened.token)


def test_where_a_token_reaches_the_browser_it_is_for_staff_alone(site: Installation) -> None:
    opened = open_one(site)
    redeem(opened.token)
    profile("hpe-ilo5")
    with pytest.raises(NotAllowed, match="a short-lived token of the BMC reaches the browser"):
        open_one(site)
    assert [one.because[:30] for one in admission.over([opened.row.id])] == ["The BMC's own console of web01"]
    assert open_one(site, "technician").launch is not None
    with database().read() as session:
        assert control.token_in_browser(session.get_one(Server, site.servers["web01"]))


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        (RecordConsoles.ON, {"customer", "technician"}),
        (RecordConsoles.STAFF, {"technician"}),
        (RecordConsoles.OFF, set()),
    ],
)
def test_who_is_recorded_elsewhere_is_not_let_in_where_nothing_can_be(
    site: Installation, rule: RecordConsoles, refused: set[str]
) -> None:
    administer.record_account(SYSTEM, CUSTOMER, rule)
    for who in ("customer", "technician"):
        if who in refused:
            with pytest.raises(NotAllowed, match="are recorded"):
                open_one(site, who)
        else:
            open_one(site, who)


def test_one_that_is_open_ends_when_recording_begins(site: Installation) -> None:
    opened = open_one(site)
    redeem(opened.token)
    assert admission.over([opened.row.id]) == []
    administer.record_account(SYSTEM, CUSTOMER, RecordConsoles.ON)
    assert "are recorded" in admission.over([opened.row.id])[0].because


def test_it_has_no_mode_view_and_is_not_shared(site: Installation) -> None:
    with pytest.raises(InvalidParameter, match="no mode view"):
        control.open_console(site.actor("customer"), "web01", OEM, ConsoleMode.VIEW)
    with pytest.raises(InvalidParameter, match="not shared"):
        control.share_console(site.actor("customer"), "web01", OEM, CONTROL, 1)


def test_without_a_way_or_a_name_it_is_said_what_lacks(site: Installation) -> None:
    profile("generic-redfish")
    with pytest.raises(NoWay, match="own web pages of the BMC"):
        open_one(site)
    profile("plain")
    with database().write() as session:
        session.execute(update(Process).values(launch_url=None))
    with pytest.raises(NoGateway, match="OOBCTL_LAUNCH_URL"):
        open_one(site)


@pytest.mark.parametrize(("name", "kind"), [("plain", OEM), ("generic-redfish", ConsoleKind.GRAPHICAL)])
def test_a_server_without_a_screen_of_ours_has_that_one(site: Installation, name: str, kind: ConsoleKind) -> None:
    profile(name)
    with database().read() as session:
        assert control.screen_kind(session.get_one(Server, site.servers["web01"])) is kind


def test_a_key_of_who_signed_out_opens_nothing(site: Installation) -> None:
    mine = sign_in("customer", site.people["customer"].password, address=None, user_agent=None)
    opened = control.open_console(site.actor("customer"), "web01", OEM, CONTROL, panel_session=digest(mine))
    actor = identify(Presented(cookie=mine))
    assert actor is not None
    sign_out(actor, mine)
    with pytest.raises(NotAllowed):
        redeem(opened.token)
