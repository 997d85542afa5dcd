"""Asking a tree's service by plain HTTP: its paths, and short ways to what many tests ask."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.trees import Served, serve

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SESSIONS = "/redfish/v1/SessionService/Sessions"
ACCOUNTS = "/redfish/v1/AccountService/Accounts"
BIOS, SETTINGS = f"{SYSTEM}/Bios", f"{SYSTEM}/Bios/Settings"
CD = f"{SYSTEM}/VirtualMedia/Cd1"
SEL = f"{SYSTEM}/LogServices/Sel"
IMAGE = "https://media.example/rescue.iso"
TRIPLE = {
    "BootSourceOverrideTarget": "Pxe",
    "BootSourceOverrideEnabled": "Once",
    "BootSourceOverrideMode": "UEFI",
}


@contextmanager
def behaving(*behaviours: str) -> Iterator[tuple[Served, httpx.Client]]:
    """The plain server with these behaviours, and a client that is let in."""
    with serve(behaviours=behaviours) as bmc, bmc.client() as client:
        yield bmc, client


def message_id(answer: httpx.Response) -> str:
    """The message of an error, without its registry."""
    return str(answer.json()["error"]["@Message.ExtendedInfo"][0]["MessageId"]).rpartition(".")[2]


def sign_in(client: httpx.Client, bmc: Served) -> httpx.Response:
    return client.post(SESSIONS, json={"UserName": bmc.user, "Password": bmc.password}, auth=httpx.Auth())


def reset(client: httpx.Client, kind: str) -> httpx.Response:
    return client.post(RESET, json={"ResetType": kind})


def override(client: httpx.Client, path: str = SYSTEM, **boot: str) -> httpx.Response:
    return client.patch(path, json={"Boot": boot})
