"""What is said about a server to be added, and about an endpoint to be changed."""

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyAddress,
    SecretStr,
    StringConstraints,
    model_validator,
)

from oobctl.constants import MANAGEMENT, Protocol, TlsMode
from oobctl.ids import is_id

_BROADCAST = IPv4Address("255.255.255.255")
PORTS = {Protocol.IPMI: 623, Protocol.REDFISH: 443, Protocol.VNC: 5900}
OWN_SCREEN = "VNC is the BMC's own: its address is that of another endpoint, over which it says who it is"
"""Nothing in RFB tells whose screen it is, so it is told by the BMC that answers beside it."""


def _no_id(name: str) -> str:
    if is_id(name):
        raise ValueError("it reads as an id; choose a word")
    return name


def _of_one_bmc(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An address that one BMC can have: what is sent to the others goes to many, to nobody, or to ourselves."""
    plain = (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
    if plain.is_unspecified or (isinstance(plain, IPv4Address) and plain.packed[0] == 0):
        raise ValueError(f"{address} means no address; give the BMC's own")
    if plain.is_multicast or plain == _BROADCAST:
        raise ValueError(f"{address} is an address of many; give the BMC's own")
    return address


BmcAddress = Annotated[IPvAnyAddress, AfterValidator(_of_one_bmc)]
ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$"), AfterValidator(_no_id)]
BmcUser = Annotated[str, StringConstraints(min_length=1, max_length=64)]
SystemPath = Annotated[str, StringConstraints(pattern=r"^/redfish/v1/Systems/[^/]+$", max_length=256)]
BmcPassword = Annotated[SecretStr, Field(max_length=128)]


class TlsSpec(BaseModel):
    """How a Redfish endpoint's certificate is checked: by a CA (PEM), or by a fingerprint that somebody confirmed."""

    model_config = ConfigDict(extra="forbid")
    mode: TlsMode = TlsMode.PIN
    ca: str | None = Field(default=None, max_length=100_000)
    fingerprint: str | None = Field(default=None, pattern=r"^[0-9A-Fa-f:]{64,95}$")

    @property
    def plain_fingerprint(self) -> str | None:
        return self.fingerprint.replace(":", "").lower() if self.fingerprint else None


class EndpointSpec(BaseModel):
    model_config = ConfigDict(extra="forbid")
    protocol: Protocol
    address: BmcAddress
    port: int | None = Field(default=None, ge=1, le=65535)
    user: str = Field(max_length=64)
    password: SecretStr = Field(max_length=128)
    tls: TlsSpec = TlsSpec()


class EndpointChange(BaseModel):
    """What of an endpoint is to be another; what is left out stays. A new address needs user and password again."""

    model_config = ConfigDict(extra="forbid")
    address: BmcAddress | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    user: BmcUser | None = None
    password: BmcPassword | None = None
    tls: TlsSpec | None = None
    system_path: SystemPath | None = Field(
        default=None, description="Which system of the BMC the server is, where that has several."
    )


class ServerSpec(BaseModel):
    """A server to enroll. account: whose it is; empty: nobody's yet."""

    model_config = ConfigDict(extra="forbid")
    name: ServerName
    site: str | None = None
    account: str | None = None
    system_path: SystemPath | None = Field(default=None, description="Which system of its BMC, where that has several.")
    endpoints: list[EndpointSpec] = Field(min_length=1, max_length=3)

    @model_validator(mode="after")
    def _one_each(self) -> "ServerSpec":
        if len({endpoint.protocol for endpoint in self.endpoints}) < len(self.endpoints):
            raise ValueError("one endpoint for each protocol")
        managing = {endpoint.address for endpoint in self.endpoints if endpoint.protocol in MANAGEMENT}
        if not managing:
            raise ValueError("give an endpoint over which the BMC is managed too: ipmi or redfish")
        if any(endpoint.address not in managing for endpoint in self.endpoints):
            raise ValueError(OWN_SCREEN)
        return self
