"""The commands about people and endpoints, against a real panel."""

import subprocess
from datetime import timedelta

import pytest
from sqlalchemy import select

from oobctl import clock
from oobctl.access import Presented, identify, sign_in
from oobctl.cli import hints
from oobctl.constants import Lifecycle, Role
from oobctl.errors import NotSignedIn
from oobctl.store import Server, Token, database
from tests.installation import CUSTOMER, Installation
from tests.unit.cli.test_messages import failed_with, oobctl


def test_an_administrator_at_the_command_line_ends_what_people_and_servers_may(
    sqlite_installation: Installation,
) -> None:
    sqlite_installation.start_panel()
    url, token = sqlite_installation.url, sqlite_installation.token("admin")

    def done(*arguments: str, stdin: str = "") -> str:
        ran = oobctl(*arguments, stdin=stdin, OOBCTL_URL=url, OOBCTL_TOKEN=token)
        assert ran.returncode == 0, ran
        return ran.stdout

    assert "operator is disabled" in done("user", "disable", "operator")
    assert "can sign in again" in done("user", "enable", "operator")
    assert "is changed" in done("user", "password", "customer", stdin="a longer passphrase\n")
    with pytest.raises(NotSignedIn):
        sign_in("customer", "correct horse battery", address=None, user_agent=None)
    assert sign_in("customer", "a longer passphrase", address=None, user_agent=None)
    assert "is suspended" in done("account", "suspend", "Example Customer")
    assert "may act again" in done("account", "resume", "Example Customer")
    assert "no member" in done("account", "dismiss", "Example Customer", "viewer")
    assert "endpoint of web01 is set" in done("endpoint", "set", "web01", "ipmi", "--port", "623")
    refused = oobctl("endpoint", "remove", "web01", "ipmi", OOBCTL_URL=url, OOBCTL_TOKEN=token)
    failed_with(refused, "no other endpoint")
    assert "is retired" in done("server", "retire", "web01")


def test_a_token_is_made_with_limits_alone_and_is_listed_and_revoked(sqlite_installation: Installation) -> None:
    sqlite_installation.start_panel()
    url, token = sqlite_installation.url, sqlite_installation.token("admin")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return oobctl("token", *arguments, OOBCTL_URL=url, OOBCTL_TOKEN=token)

    for careless in ([], ["--role", "owner"], ["--account", CUSTOMER]):
        assert run("add", "careless", *careless).returncode == 2
    for wrong in ("soon", "0", "-1", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00"):
        assert run("add", "wrong", "--account", CUSTOMER, "--role", "owner", "--expires", wrong).returncode == 2
    limits = ("--permission", "power", "--permission", "view")
    made = run("add", "script", "--account", CUSTOMER, "--role", "operator", "--user", "operator", *limits)
    assert run("add", "robot", "--account", CUSTOMER, "--role", "viewer", "--expires", "never").returncode == 0
    with database().read() as session:
        found = {row.name: row for row in session.scalars(select(Token).where(Token.name.in_(["script", "robot"])))}
    assert made.stdout.startswith("oob_")
    script, robot = found["script"], found["robot"]
    assert (script.role, script.permissions, robot.expires_at) == (Role.OPERATOR, ["power", "view"], None)
    assert script.user_id == sqlite_installation.people["operator"].actor.id
    assert script.expires_at is not None
    assert timedelta(days=89) < script.expires_at - clock.now() <= timedelta(days=90)
    assert script.id in run("list").stdout
    assert run("revoke", script.id).returncode == 0
    assert identify(Presented(bearer=made.stdout.strip())) is None


def test_the_first_administrators_token_ends_too(sqlite_installation: Installation) -> None:
    secret = oobctl("token", "add", "laptop", "--administrator", "admin").stdout.strip()
    assert identify(Presented(bearer=secret)) is not None
    with database().read() as session:
        assert session.scalars(select(Token).where(Token.name == "laptop")).one().expires_at is not None
    assert oobctl("token", "add", "x", "--administrator", "admin", "--role", "owner").returncode == 2


def test_a_missing_account_is_said_before_a_password_is_asked_for(sqlite_installation: Installation) -> None:
    sqlite_installation.start_panel()
    url, token = sqlite_installation.url, sqlite_installation.token("admin")
    # Nothing on standard input: whoever reads a password from it would get an empty one, and say that it is short.
    failed_with(
        oobctl("user", "add", "zed", "--account", "Nobody", OOBCTL_URL=url, OOBCTL_TOKEN=token), "no account 'Nobody'"
    )
    failed_with(oobctl("user", "password", "zed", OOBCTL_URL=url, OOBCTL_TOKEN=token), "no user 'zed'")


def test_what_stopped_an_enrolment_names_the_command_that_mends_it(sqlite_installation: Installation) -> None:
    sqlite_installation.start_panel()
    url, token = sqlite_installation.url, sqlite_installation.token("admin")
    with database().write() as session:
        session.get_one(Server, sqlite_installation.servers["spare01"]).lifecycle = Lifecycle.ENROLLING
    again = oobctl("server", "add", "spare01", "--ipmi", "127.0.9.99", stdin="x\n", OOBCTL_URL=url, OOBCTL_TOKEN=token)
    failed_with(again, "oobctl server password spare01", "oobctl server act spare01 server.enroll")
    assert "POST" not in again.stderr
    refused = {"code": "bmc_auth_failed", "message": "The BMC at 192.0.2.1 refused the user or the password over IPMI."}
    assert hints.after({"server": "web01", "action": "server.enroll", "error": refused}) == [
        "Enter the BMC's password again: oobctl server password web01 ipmi --user NAME",
        "Then: oobctl server act web01 server.enroll",
    ]
    for nothing in ({"code": "x", "message": "y"}, {**refused, "mended_by_provider": True}):
        assert hints.after({"server": "web01", "action": "power.on", "error": nothing}) == []
