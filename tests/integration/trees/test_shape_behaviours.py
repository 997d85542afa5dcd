"""Named behaviours of the form in which a service answers, each beside what it does without it."""

from datetime import datetime

import httpx

from tests.integration.trees.asking import RESET, SEL, SESSIONS, SYSTEM, behaving, message_id

REGISTRY = "/redfish/v1/Registries/BiosAttributeRegistry/BiosAttributeRegistry.v1_0_0.json"


def test_bare_string_members(plain: httpx.Client) -> None:
    with behaving("bare-string-members") as (_bmc, client):
        assert client.get("/redfish/v1/Systems").json()["Members"] == [SYSTEM]
        inline = client.get("/redfish/v1/Managers/1/LogServices/Audit/Entries").json()["Members"]
        assert all(isinstance(entry, dict) for entry in inline)
    assert plain.get("/redfish/v1/Systems").json()["Members"] == [{"@odata.id": SYSTEM}]


def test_bad_dates(plain: httpx.Client) -> None:
    entry = f"{SEL}/Entries/2"
    right = plain.get(entry).json()["Created"]
    with behaving("bad-dates") as (_bmc, client):
        assert client.get(SYSTEM).json()["LastResetTime"].startswith("0000-00-00")
        assert client.get(f"{SEL}/Entries/1").json()["Created"].startswith("0000-00-00")
        said = client.get(entry).json()["Created"]
    assert said.endswith("-0600")
    assert datetime.fromisoformat(said) == datetime.fromisoformat(right)  # the moment is the same
    assert right.endswith("+00:00")


def test_308_on_trailing_slash(plain: httpx.Client) -> None:
    with behaving("308-on-trailing-slash") as (bmc, client):
        for method, path, body in (
            ("GET", SYSTEM, None),
            ("POST", RESET, {"ResetType": "ForceRestart"}),
            ("PATCH", SYSTEM, {"AssetTag": "x"}),
            ("POST", SESSIONS, {"UserName": bmc.user, "Password": bmc.password}),
        ):
            moved = client.request(method, path, json=body)
            assert (moved.status_code, moved.headers["Location"]) == (308, f"{path}/")
            assert client.request(method, f"{path}/", json=body).is_success
        assert len(bmc.state.done("ComputerSystem.Reset")) == 1
        assert client.get("/redfish/v1/Nowhere").status_code == 404
    assert plain.get(SYSTEM).status_code == plain.get(f"{SYSTEM}/").status_code == 200


def test_gzip_only_registries(plain: httpx.Client) -> None:
    identity, squeezed = {"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}
    with behaving("gzip-only-registries") as (_bmc, client):
        refused = client.get(REGISTRY, headers=identity)
        assert (refused.status_code, message_id(refused)) == (406, "NotAcceptable")
        given = client.get(REGISTRY, headers=squeezed)
        assert (given.status_code, given.headers["Content-Encoding"]) == (200, "gzip")
        assert given.json() == plain.get(REGISTRY, headers=identity).json()
        assert client.get(SYSTEM, headers=identity).status_code == 200


def test_paged_collections(plain: httpx.Client) -> None:
    whole = plain.get(f"{SEL}/Entries").json()["Members"]
    with behaving("paged-collections=3") as (_bmc, client):
        first = client.get(f"{SEL}/Entries").json()
        assert (len(first["Members"]), first["Members@odata.count"]) == (3, 4)
        second = client.get(first["Members@odata.nextLink"]).json()
    assert first["Members"] + second["Members"] == whole
    assert "Members@odata.nextLink" not in second
