"""What can be told before a rack starts: addresses, faults that fit, credentials, processes, the chassis's log."""

import os
import stat
from pathlib import Path

import pytest

from oobctl.lab import credentials, faults, processes
from oobctl.lab.chassis_log import ChassisLog, read_chassis_log
from oobctl.lab.errors import LabError, LabRefused
from oobctl.lab.plan import MODELS, MOST_SERVERS, SERVERS, RackPlan, ServerPlan, place_of, server_names
from oobctl.lab.preflight import check_net


def test_a_thousand_light_bmcs_have_a_thousand_loopback_addresses_off_the_rack_s_own_net() -> None:
    plan = RackPlan(home=Path("/nowhere"), net="127.1.0", light=1000)
    addresses = {plan.light_address(index) for index in range(1000)}
    assert len(addresses) == 1000
    assert all(address.startswith("127.") and not address.startswith("127.1.0.") for address in addresses)


def test_a_rack_grows_by_its_three_models_in_turn_and_keeps_the_first_three() -> None:
    assert SERVERS == ("web01", "db01", "app01")
    assert server_names(8) == (*SERVERS, "web02", "db02", "app02", "web03", "db03")
    assert place_of("db03").model is place_of("db01").model is MODELS["db"]


def test_no_two_addresses_of_a_full_rack_are_the_same_and_all_are_in_its_net() -> None:
    places = [place_of(name) for name in server_names(MOST_SERVERS)]
    plan = RackPlan(home=Path("/nowhere"), net="127.1.0")
    own = [plan.address(place.position) for place in places]
    identity = credentials.Credentials.at_random().identity
    behind = [
        ServerPlan("any", place.model, address, plan.ports, Path("/nowhere"), identity).address_behind_relay
        for place, address in zip(places, own, strict=True)
    ]
    assert len({*own, *behind}) == 2 * MOST_SERVERS
    assert all(0 < int(address.removeprefix("127.1.0.")) < 255 for address in (*own, *behind))


@pytest.mark.parametrize("count", [-1, 0, MOST_SERVERS + 1])
def test_a_rack_of_too_few_or_too_many_servers_is_refused(count: int) -> None:
    with pytest.raises(LabError, match=f"not {count}"):
        server_names(count)


@pytest.mark.parametrize("name", ["web00", "web1", "web001", "web34", "mail01", "", "../web01"])
def test_a_name_that_no_server_of_a_rack_has_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="web01, db01, app01"):
        place_of(name)


@pytest.mark.parametrize("net", ["10.0.0", "127.1", "127.1.0.0", "127.1.x", "127.1.0/24"])
def test_a_net_must_be_a_loopback_24(net: str) -> None:
    with pytest.raises(LabError, match="loopback"):
        check_net(net, 0)


def test_too_many_light_bmcs_are_refused() -> None:
    with pytest.raises(LabError, match="light BMCs"):
        check_net("127.1.0", 100_000)


@pytest.mark.parametrize("fault", faults.FAULTS)
def test_every_fault_can_be_shown_by_some_server(fault: str) -> None:
    refusals = 0
    for name, model in MODELS.items():
        try:
            faults.check(name, model, fault)
        except LabRefused:
            refusals += 1
    assert refusals < len(MODELS)


def test_credentials_are_kept_private_and_short_enough_for_ipmi_and_vnc(tmp_path: Path) -> None:
    made = credentials.load_credentials(tmp_path, ["web01", "db01"])
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
    assert credentials.load_credentials(tmp_path, ["db01", "web01"]) == made
    assert len({who.bmc_password for who in made.values()}) == 2
    assert all(len(who.bmc_password) <= 20 and len(who.vnc_password) == 8 for who in made.values())


def test_a_process_is_known_by_its_pid_and_start_time() -> None:
    started = processes.start_time(os.getpid())
    assert started is not None
    assert processes.is_running(os.getpid(), started)
    assert not processes.is_running(os.getpid(), started - 1)


def test_a_pid_that_is_gone_has_no_start_time() -> None:
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    assert processes.start_time(gone) is None


def test_the_chassis_log_is_read_back_in_order_with_its_sources(tmp_path: Path) -> None:
    log = ChassisLog(tmp_path / "chassis.log")
    log.write("ipmi", "power off")
    log.write("redfish", "boot override", target="Pxe")
    entries = read_chassis_log(tmp_path / "chassis.log")
    assert [(entry["source"], entry["command"]) for entry in entries] == [
        ("ipmi", "power off"),
        ("redfish", "boot override"),
    ]
    assert entries[1]["target"] == "Pxe"
    assert entries[0]["time"] <= entries[1]["time"]


def test_an_absent_chassis_log_is_empty(tmp_path: Path) -> None:
    assert read_chassis_log(tmp_path / "none") == []


def test_the_words_of_a_new_certificate_say_who_accepts_it() -> None:
    assert "accepted where a CA is trusted" in faults.DESCRIPTIONS[faults.BMC_NEW_CERTIFICATE]
