"""Named behaviours of boot, BIOS settings, media and tasks, each beside what the service does without it."""

import httpx
import pytest

from oobctl.lab.errors import LabError
from tests.integration.trees.asking import (
    BIOS,
    CD,
    IMAGE,
    SETTINGS,
    SYSTEM,
    TRIPLE,
    behaving,
    message_id,
    override,
    reset,
)
from tests.trees import serve, without, written


def test_boot_needs_full_triple(plain: httpx.Client) -> None:
    with behaving("boot-needs-full-triple") as (bmc, client):
        for left_out in TRIPLE:
            some = {name: value for name, value in TRIPLE.items() if name != left_out}
            refused = override(client, **some)
            assert (refused.status_code, message_id(refused)) == (400, "PropertyMissing")
        assert override(client, BootSourceOverrideEnabled="Disabled").status_code == 400
        assert client.patch(SYSTEM, json={"AssetTag": "x"}).status_code == 204
        assert bmc.state.override() == ("None", "Disabled", "UEFI")
        assert override(client, **TRIPLE).status_code == 204
        assert bmc.state.override() == ("Pxe", "Once", "UEFI")
    assert override(plain, BootSourceOverrideTarget="Pxe", BootSourceOverrideEnabled="Once").status_code == 204


def test_boot_mode_read_only(plain: httpx.Client) -> None:
    with behaving("boot-mode-read-only") as (_bmc, client):
        refused = override(client, **TRIPLE)
        assert (refused.status_code, message_id(refused)) == (400, "PropertyNotWritable")
        assert client.get(SYSTEM).json()["Boot"]["BootSourceOverrideMode"] == "UEFI"
        some = {name: value for name, value in TRIPLE.items() if "Mode" not in name}
        assert override(client, **some).status_code == 204
    assert override(plain, **TRIPLE).status_code == 204


def test_boot_once_only(plain: httpx.Client) -> None:
    lasting = TRIPLE | {"BootSourceOverrideEnabled": "Continuous"}
    with behaving("boot-once-only") as (_bmc, client):
        assert "BootSourceOverrideEnabled@Redfish.AllowableValues" not in client.get(SYSTEM).json()["Boot"]
        refused = override(client, **lasting)
        assert (refused.status_code, message_id(refused)) == (400, "PropertyValueNotInList")
        assert override(client, **TRIPLE).status_code == 204
        assert override(client, BootSourceOverrideEnabled="Disabled").status_code == 204
    assert override(plain, **lasting).status_code == 204


def test_boot_in_settings(plain: httpx.Client) -> None:
    with behaving("boot-in-settings") as (bmc, client):
        place = client.get(SYSTEM).json()["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
        assert override(client, **TRIPLE).status_code == 400
        assert override(client, place, **TRIPLE).status_code == 204
        assert client.get(place).json()["Boot"].items() >= TRIPLE.items()
        assert client.get(SYSTEM).json()["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
        assert bmc.state.override() == ("Pxe", "Once", "UEFI")
        reset(client, "ForceRestart")
        assert (bmc.state.boots[-1].source, bmc.state.override()) == ("Pxe", ("None", "Disabled", "UEFI"))
        assert client.get(place).json()["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
        assert client.patch(SYSTEM, json={"AssetTag": "x"}).status_code == 204
    assert override(plain, **TRIPLE).status_code == 204


def test_boot_virtual_cd_is_usb_cd(plain: httpx.Client) -> None:
    with behaving("boot-virtual-cd-is-usb-cd") as (bmc, client):
        for target, booted in (("Cd", "None"), ("UsbCd", "UsbCd")):
            wanted = TRIPLE | {"BootSourceOverrideTarget": target}
            assert override(client, **wanted).status_code == 204
            reset(client, "ForceRestart")
            assert bmc.state.boots[-1].source == booted
    assert override(plain, BootSourceOverrideTarget="UsbCd").status_code == 400


def test_media_image_only(plain: httpx.Client) -> None:
    insert = f"{CD}/Actions/VirtualMedia.InsertMedia"
    with behaving("media-image-only") as (bmc, client):
        refused = client.post(insert, json={"Image": IMAGE, "Inserted": True})
        assert (refused.status_code, message_id(refused)) == (400, "ActionParameterUnknown")
        assert bmc.state.media()[CD] is None
        assert client.post(insert, json={"Image": IMAGE}).status_code == 204
        assert bmc.state.media()[CD] == IMAGE
    assert plain.post(insert, json={"Image": IMAGE, "Inserted": True}).status_code == 204


def test_media_without_actions(plain: httpx.Client) -> None:
    with behaving("media-without-actions") as (bmc, client):
        assert "Actions" not in client.get(CD).json()
        insert = f"{CD}/Actions/VirtualMedia.InsertMedia"
        assert client.post(insert, json={"Image": IMAGE}).status_code == 404
        assert client.patch(CD, json={"Image": IMAGE, "Inserted": True}).status_code == 204
        assert bmc.state.media()[CD] == IMAGE
    assert "Actions" in plain.get(CD).json()


def test_media_under_managers(plain: httpx.Client) -> None:
    slots = "/redfish/v1/Managers/1/VirtualMedia"
    with behaving("media-under-managers") as (bmc, client):
        link = client.get(SYSTEM).json()["VirtualMedia"]["@odata.id"]
        assert client.get(link).status_code == 404
        assert client.get("/redfish/v1/Managers/1").json()["VirtualMedia"] == {"@odata.id": slots}
        assert client.get(slots).json()["Members"] == [{"@odata.id": f"{slots}/{name}"} for name in ("Cd1", "Usb1")]
        target = client.get(f"{slots}/Cd1").json()["Actions"]["#VirtualMedia.InsertMedia"]["target"]
        assert client.post(target, json={"Image": IMAGE}).status_code == 204
        assert bmc.state.media()[f"{slots}/Cd1"] == IMAGE
    assert plain.get(slots).status_code == 404


def test_tasks_of_actions_and_task_deleted_on_read(plain: httpx.Client) -> None:
    for behaviour, after in (("async-actions=2", 204), ("task-deleted-on-read=2", 404)):
        with behaving(behaviour) as (bmc, client):
            taken = client.post(f"{BIOS}/Actions/Bios.ResetBios", json={})
            monitor, task = taken.headers["Location"], taken.json()["@odata.id"]
            assert (taken.status_code, taken.json()["TaskState"], taken.json()["TaskMonitor"]) == (
                202,
                "Running",
                monitor,
            )
            assert client.get("/redfish/v1/TaskService/Tasks").json()["Members"] == [{"@odata.id": task}]
            assert [client.get(monitor).status_code for _ in range(3)] == [202, 204, after]
            assert client.get(task).status_code == (404 if after == 404 else 200)
            taken = client.post(f"{BIOS}/Actions/Bios.ResetBios", json={}).json()["@odata.id"]
            assert [client.get(taken).json()["TaskState"] for _ in range(3)] == ["Running", "Completed", "Completed"]
            assert len(bmc.state.done("Bios.ResetBios")) == 2
    assert plain.post(f"{BIOS}/Actions/Bios.ResetBios", json={}).status_code == 204


def test_tasks_need_a_tree_that_has_them() -> None:
    with (
        pytest.raises(LabError, match="no TaskService"),
        serve(without(written(), "/redfish/v1/TaskService"), ["async-actions"]),
    ):
        pass


def test_bios_settings_unlinked(plain: httpx.Client) -> None:
    with behaving("bios-settings-unlinked") as (bmc, client):
        assert "@Redfish.Settings" not in client.get(BIOS).json()
        assert client.get(SETTINGS).status_code == 404
        assert client.patch(f"{BIOS}/SD", json={"Attributes": {"NumaNodes": 4}}).status_code == 204
        reset(client, "ForceRestart")
        assert bmc.state.bios()["NumaNodes"] == 4
    assert plain.get(f"{BIOS}/SD").status_code == 404


def test_bios_needs_job(plain: httpx.Client) -> None:
    jobs, wanted = "/redfish/v1/Managers/1/Jobs", {"NumaNodes": 4}
    with behaving("bios-needs-job") as (bmc, client):
        client.patch(SETTINGS, json={"Attributes": wanted})
        reset(client, "ForceRestart")
        assert (bmc.state.bios()["NumaNodes"], bmc.state.pending_bios()) == (2, wanted)
        made = client.post(jobs, json={"TargetSettingsURI": SETTINGS})
        assert (made.status_code, client.get(made.headers["Location"]).json()["JobState"]) == (200, "Pending")
        assert client.post(jobs, json={"TargetSettingsURI": SETTINGS}).status_code == 409
        assert client.post(jobs, json={"TargetSettingsURI": SYSTEM}).status_code == 400
        reset(client, "ForceRestart")
        assert (bmc.state.bios()["NumaNodes"], bmc.state.pending_bios()) == (4, {})
    assert plain.get(jobs).status_code == 404
