"""The rule that tells the enrolled server from another one."""

import uuid
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oobctl.drivers.identity import compare, normalise_mac, normalise_serial, normalise_uuid, same_uuid, told
from oobctl.drivers.interfaces import Identity
from oobctl.errors import BmcBusy, WrongServer

real_uuids = st.uuids().filter(lambda value: normalise_uuid(str(value)) is not None)
ONE, OTHER = "3897d60f-e85e-4d74-88e7-f7ad58acd6d4", "3709500a-7f5a-4fa5-bf94-08ac4c6e83c4"
ZEROS, AMI = "00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009"


@given(real_uuids)
def test_a_uuid_is_itself_in_every_byte_order_that_bmcs_use(value: uuid.UUID) -> None:
    swapped = uuid.UUID(bytes=value.bytes_le)
    backwards = uuid.UUID(bytes=value.bytes[::-1])
    for other in (value, swapped, backwards, uuid.UUID(bytes=backwards.bytes_le)):
        assert same_uuid(str(value), str(other))
        assert same_uuid(str(other), str(value))


@given(real_uuids, real_uuids)
def test_different_uuids_differ(one: uuid.UUID, other: uuid.UUID) -> None:
    assume(sorted(one.bytes) != sorted(other.bytes))
    assert not same_uuid(str(one), str(other))


@given(real_uuids)
def test_a_uuid_is_the_same_however_it_is_written(value: uuid.UUID) -> None:
    assert (
        normalise_uuid(str(value)) == normalise_uuid(str(value).upper()) == normalise_uuid(f"{{{value}}}") == str(value)
    )


OWN = uuid.UUID("402dfcc8-ec29-412e-8d77-1b2a3c4d5e6f")  # random (version 4), as the operating system says it
BY_TIME = uuid.UUID("6ba7b810-9dad-11ee-b0b4-00c04fd430c8")  # version 1
BY_NAME = uuid.UUID("886313e1-3b8a-5372-9b90-0c9aee199e5d")  # version 5


@pytest.mark.parametrize("value", [OWN, BY_TIME, BY_NAME])
@pytest.mark.parametrize("order", ["as it is", "of SMBIOS", "backwards"])
def test_the_bytes_of_a_uuid_are_shown_as_the_operating_system_does(value: uuid.UUID, order: str) -> None:
    sent = {"as it is": value.bytes, "of SMBIOS": value.bytes_le, "backwards": value.bytes[::-1]}[order]
    assert normalise_uuid(sent) == str(value)


def test_worked_examples_of_byte_orders() -> None:
    def shown(sent: str) -> str | None:
        return normalise_uuid(bytes.fromhex(sent))

    # SMBIOS: 2e41 would be version 2, which nobody makes; 412e is version 4
    assert shown("c8fc2d40 29ec 2e41 8d77 1b2a3c4d5e6f") == "402dfcc8-ec29-412e-8d77-1b2a3c4d5e6f"
    # IPMI's own order, all of it backwards
    assert shown("6f5e4d3c2a1b 778d 2e41 29ec c8fc2d40") == "402dfcc8-ec29-412e-8d77-1b2a3c4d5e6f"
    # either order would be version 4, and no order is any version: kept as sent
    assert shown("c8fc2d40 29ec 4241 8d77 1b2a3c4d5e6f") == "c8fc2d40-29ec-4241-8d77-1b2a3c4d5e6f"
    assert shown("c8fc2d40 29ec 0e01 0d77 1b2a3c4d5e6f") == "c8fc2d40-29ec-0e01-0d77-1b2a3c4d5e6f"


@given(st.uuids(version=4))
def test_a_random_uuid_in_the_order_of_smbios_is_shown_right_or_as_it_was_sent(value: uuid.UUID) -> None:
    assert normalise_uuid(value.bytes_le) in {str(value), str(uuid.UUID(bytes=value.bytes_le))}


@given(real_uuids)
def test_what_is_shown_of_bytes_is_the_same_uuid_in_some_order(value: uuid.UUID) -> None:
    shown = normalise_uuid(value.bytes)
    assert shown is not None
    assert same_uuid(shown, str(value))


@given(st.text() | st.binary())
def test_anything_else_is_no_uuid_and_no_failure(value: str | bytes) -> None:
    found = normalise_uuid(value)
    assert found is None or uuid.UUID(found)


@pytest.mark.parametrize("value", [ZEROS, "ff" * 16, AMI, str(uuid.UUID(bytes=uuid.UUID(AMI).bytes_le)), "", None])
def test_a_placeholder_uuid_counts_as_not_said(value: str | None) -> None:
    assert normalise_uuid(value) is None


@pytest.mark.parametrize(
    "value", ["To be filled by O.E.M.", "0123456789", "  ", "xxxx", "0000000", "Default string", None]
)
def test_a_placeholder_serial_counts_as_not_said(value: str | None) -> None:
    assert normalise_serial(value) is None


@pytest.mark.parametrize("value", ["52-54-00-AA-BB-CC", "52:54:00:aa:bb:cc", "525400AABBCC", " 5254.00aa.bbcc "])
def test_a_mac_is_the_same_however_it_is_written(value: str) -> None:
    assert normalise_mac(value) == "52:54:00:aa:bb:cc"


@pytest.mark.parametrize(
    ("found", "enrolled"),
    [
        (Identity(system_uuid=ONE), Identity(system_uuid=ONE, serial="A1")),
        (Identity(system_uuid=ONE, serial="a1"), Identity(system_uuid=ONE, serial="A1")),
        (Identity(system_uuid=ZEROS, serial="A1"), Identity(system_uuid=ONE, serial="A1")),
        (
            Identity(system_uuid=AMI, bmc_mac="52:54:00:00:00:01"),
            Identity(system_uuid=AMI, bmc_mac="52:54:00:00:00:01"),
        ),
        (
            Identity(system_uuid=ONE, bmc_mac="52:54:00:00:00:02"),
            Identity(system_uuid=ONE, bmc_mac="52:54:00:00:00:01"),
        ),
        (Identity(bmc_guid=OTHER), Identity(system_uuid=ONE, bmc_guid=OTHER)),
        (Identity(system_uuid=OTHER, serial="B2"), Identity()),
        (Identity(), Identity(system_uuid=ZEROS, serial="None")),
    ],
)
def test_the_enrolled_server_passes(found: Identity, enrolled: Identity) -> None:
    compare(found, enrolled, "web01")


@pytest.mark.parametrize(
    ("found", "enrolled"),
    [
        (Identity(system_uuid=OTHER), Identity(system_uuid=ONE)),
        (Identity(system_uuid=ONE, serial="B2"), Identity(system_uuid=ONE, serial="A1")),  # a cloned UUID
        (Identity(system_uuid=OTHER, serial="A1"), Identity(system_uuid=ONE, serial="A1")),
        (Identity(bmc_mac="52:54:00:00:00:02"), Identity(system_uuid=ONE, bmc_mac="52:54:00:00:00:01")),
        (Identity(bmc_guid=OTHER, bmc_mac="52:54:00:00:00:01"), Identity(bmc_guid=ONE, bmc_mac="52:54:00:00:00:01")),
    ],
)
def test_another_server_does_not(found: Identity, enrolled: Identity) -> None:
    with pytest.raises(WrongServer) as caught:
        compare(found, enrolled, "web01")
    staff = caught.value.details["staff"]
    assert "web01" in caught.value.message
    assert staff["expected"] != staff["found"]
    assert set(caught.value.details) == {"staff"}


def test_what_the_other_server_says_stands_in_no_message() -> None:
    found = Identity(system_uuid=OTHER, serial="B2-SECRET", bmc_mac="52:54:00:00:00:02")
    with pytest.raises(WrongServer, match="another system UUID and another serial number") as caught:
        compare(found, Identity(system_uuid=ONE, serial="A1"), "web01")
    assert not [said for said in ("B2-SECRET", OTHER, "52:54:00:00:00:02") if said in caught.value.message]


@pytest.mark.parametrize("found", [Identity(), Identity(system_uuid=AMI), Identity(bmc_guid=OTHER)])
def test_where_nothing_can_be_compared_it_is_refused_for_now_and_not_called_another_server(found: Identity) -> None:
    with pytest.raises(BmcBusy, match="can be compared") as caught:
        compare(found, Identity(system_uuid=ONE, serial="A1"), "web01")
    assert caught.value.retryable


@given(st.text() | st.text(alphabet="A\x00\n\ud800\u202e ", min_size=100, max_size=400))
def test_whatever_a_bmc_tells_fits_the_columns_and_the_database(said: str) -> None:
    parts = ("system_uuid", "serial", "bmc_guid", "bmc_mac", "manufacturer", "model", "bmc_firmware", "bmc_model")
    more = ("board", "root_vendor", "root_product", "bios_version")
    given: dict[str, Any] = {**dict.fromkeys((*parts, *more), said), "oem": [said, said, "Part"]}
    found = vars(told(**given))
    assert len(found["oem"]) <= 2
    assert all(part.isprintable() and 0 < len(part) <= 128 for part in found["oem"])
    longest = {"system_uuid": 36, "bmc_guid": 36, "bmc_mac": 17}
    for part in (*parts, *more):
        value = found[part]
        assert value is None or (value.isprintable() and value and len(value) <= longest.get(part, 128))


def test_what_is_readable_of_a_bmcs_words_stays() -> None:
    assert told(serial=" AB\x0012\n", model="X" * 200) == Identity(serial="AB 12", model="X" * 128)
