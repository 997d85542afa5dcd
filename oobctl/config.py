"""Settings: read once, from the environment (OOBCTL_*) and from `oobctl.toml` in OOBCTL_HOME."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, IPvAnyNetwork, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from oobctl.constants import RecordConsoles
from oobctl.errors import ConfigurationError

_MEDIA_PORTS_ON, _GATEWAY_PORTS_ON, _LAUNCH_PORTS_ON, _INSTALL_PORTS_ON, _HIGHEST_PORT = 10, 20, 30, 40, 65535


class Settings(BaseSettings):
    """All that can be set. The environment wins over the file."""

    model_config = SettingsConfigDict(env_prefix="OOBCTL_", extra="ignore")

    home: Path = Path("var")
    database_url: str = ""  # empty: SQLite, oobctl.db in home
    listen: str = "127.0.0.1:8080"
    public_url: str = ""  # how browsers reach the panel; empty: from `listen`
    site: str = "main"  # the site that `oobctl up` serves
    hwprofiles: Path | None = None  # more profiles, beside the shipped ones
    behind_proxy: bool = False  # trust one X-Forwarded-For and X-Forwarded-Proto
    currency: str = "EUR"
    session_idle_minutes: int = 60
    session_hours: int = 12
    metrics_token: str = ""
    poll_interval_seconds: float = 60.0
    worker_poll_seconds: float = 0.03  # how often a worker looks for new jobs (SQLite)
    dead_after_seconds: float = 5.0  # a process without a heartbeat for so long is dead
    media_listen: str = ""  # where the media service (`oobctl boot`) listens; empty: as the panel, ten ports on
    media_url: str = ""  # how BMCs reach the media service; empty: from where it listens
    media_from_anywhere: bool = False  # BMCs reach it through a NAT or proxy: from other addresses than their own
    install_listen: str = ""  # where installers reach the boot service, over TLS; empty: as the panel, forty ports on
    install_url: str = ""  # how servers that are installed reach that, https://NAME:PORT; empty: from where it listens
    trusted_boot_networks: str = ""  # networks (CIDR, with commas) whose servers may start from them
    boot_url: str = ""  # how servers that start from their network reach the media service; empty: as BMCs do
    dhcp_interface: str = ""  # where the boot service answers DHCP of servers that are to be installed; empty: nowhere
    dhcp_range: str = ""  # FIRST-LAST: addresses that it gives; or a network (CIDR), where another service gives them
    dhcp_router: str = ""  # of that network, for those addresses
    dhcp_name_servers: str = ""  # with commas
    gateway_listen: str = ""  # where browsers reach consoles (`oobctl gateway`); empty: as the panel, twenty ports on
    gateway_url: str = ""  # how browsers reach that; empty: the panel's name, with that port
    launch_url: str = ""  # http(s)://NAME[:PORT] under which BMCs' own consoles get names of their own; empty: no such
    launch_listen: str = ""  # where browsers reach those; empty: as the panel, thirty ports on
    console_bind_address: bool = False  # a console's key is good only from the address that asked the panel for it
    record_consoles: RecordConsoles = RecordConsoles.OFF  # where neither the server nor its account says so
    picture_failures: bool = True  # take a picture of the screen where a job failed at a server
    record_keys: bool = False  # keep also what was typed: passwords too
    recordings_days: int = Field(default=30, ge=1)  # how long recordings are kept
    recordings_mb: int = Field(default=10_240, ge=16)  # how much of the gateway's disk they take; the oldest go first
    serial_log_mb: int = Field(default=8, ge=1)  # of one server's serial output
    events_listen: str = ""  # where the monitor takes events that BMCs send, ADDRESS:PORT; empty: none are sent
    events_url: str = ""  # how BMCs reach that; empty: from where it listens
    events_certificate: Path | None = None  # PEM, with its chain: events come over HTTPS then
    events_key: Path | None = None  # PEM; None: it is in the certificate's file
    rotate_passwords_days: int = Field(default=0, ge=0)  # change our BMC passwords so often; 0: only when asked
    heal_silent_minutes: int = Field(default=0, ge=0)  # restart a BMC that has been silent for so long; 0: never
    job_expires_after_seconds: float = Field(default=900.0, gt=0)  # one that has not begun by then never does
    import_mb: int = Field(default=10_240, ge=1)  # the largest image of an operating system that is taken in
    egress_networks: tuple[IPvAnyNetwork, ...] = ()  # private networks in which addresses that people give may be
    egress_ca: Path | None = None  # PEM: authorities besides the public ones, of servers there
    log_level: str = "INFO"

    @property
    def database(self) -> str:
        """The database's URL, with its driver named."""
        url = self.database_url or f"sqlite:///{self.home.resolve() / 'oobctl.db'}"
        for short in ("postgresql://", "postgres://"):
            if url.startswith(short):
                return "postgresql+psycopg://" + url.removeprefix(short)
        return url

    @property
    def keys(self) -> Path:
        """The folder of the sites' private keys: outside the database, mode 0700."""
        return self.home / "keys"

    @property
    def images(self) -> Path:
        """The folder of the disk images."""
        return self.home / "images"

    @property
    def systems(self) -> Path:
        """The folder of the images of operating systems: one folder an image."""
        return self.images / "os"

    @property
    def recordings(self) -> Path:
        """The folder of recordings and serial logs: a site's gateways share one, or each has its own."""
        return self.home / "recordings"

    @property
    def media(self) -> str:
        """ADDRESS:PORT of the media service."""
        return self.media_listen or self._beside(_MEDIA_PORTS_ON)

    @property
    def gateway(self) -> str:
        """ADDRESS:PORT of the gateway."""
        return self.gateway_listen or self._beside(_GATEWAY_PORTS_ON)

    @property
    def gateway_address(self) -> str:
        """How browsers reach the gateway: http(s)://NAME:PORT."""
        if self.gateway_url:
            return self.gateway_url.rstrip("/")
        panel = urlsplit(self.url)
        return f"{panel.scheme}://{panel.hostname}:{self.gateway.rpartition(':')[2]}"

    @property
    def launch(self) -> str:
        """ADDRESS:PORT at which the gateway serves BMCs' own consoles."""
        return self.launch_listen or self._beside(_LAUNCH_PORTS_ON)

    def _beside(self, ports: int) -> str:
        """The panel's address, so many ports on."""
        address, _, port = self.listen.rpartition(":")
        beside = int(port) + ports if port.isdecimal() else 0
        return f"{address}:{beside if beside <= _HIGHEST_PORT else beside - 2 * ports}"

    @property
    def media_address(self) -> str:
        """How BMCs reach the media service."""
        return self.media_url or f"http://{self.media}"

    @property
    def install(self) -> str:
        """ADDRESS:PORT at which installers are served."""
        return self.install_listen or self._beside(_INSTALL_PORTS_ON)

    @property
    def install_address(self) -> str:
        """How servers that are installed reach that: https://NAME:PORT."""
        return (self.install_url or f"https://{self.install}").rstrip("/")

    @property
    def boot_address(self) -> str:
        """How servers that start from their network reach the media service."""
        return (self.boot_url or self.media_address).rstrip("/")

    @property
    def trusted_networks(self) -> list[str]:
        return [net.strip() for net in self.trusted_boot_networks.split(",") if net.strip()]

    @property
    def events_address(self) -> str:
        """How BMCs reach the monitor's listener."""
        scheme = "https" if self.events_certificate else "http"
        return (self.events_url or f"{scheme}://{self.events_listen}").rstrip("/")

    @property
    def url(self) -> str:
        return self.public_url or f"http://{self.listen}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _file())


def _file() -> Path:
    return Path(os.environ.get("OOBCTL_HOME", "var")) / "oobctl.toml"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process.

    Raises ConfigurationError, naming the setting, where one is wrong.
    """
    try:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The settings' file {_file()} is no TOML: {error}. Correct it, or remove it."
        ) from error
    except OSError as error:
        raise ConfigurationError(f"The settings' file {_file()} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"The setting {name} is wrong: {first['msg']}. Set OOBCTL_{name.upper()} or `{name}` in oobctl.toml."
        ) from error
