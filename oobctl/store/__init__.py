"""The database: SQLAlchemy models, one module per noun, and the migrations."""

from oobctl.store.account import Account, Grant, Membership, PanelSession, Token, User
from oobctl.store.audit_record import AuditRecord, RefusalCount
from oobctl.store.base import Base, db_now
from oobctl.store.bmc import Bmc, BmcCircuit, BmcSession, Credential, Endpoint
from oobctl.store.bmc_user import BmcUser, JobSecret
from oobctl.store.boot_script import BootScript
from oobctl.store.console import Console, ConsoleShare, SetupKeyRequest
from oobctl.store.database import Database, database, use
from oobctl.store.history import Sample, Series
from oobctl.store.image import Image
from oobctl.store.install import Install, InstallLog
from oobctl.store.job import Job, JobStep, Lease
from oobctl.store.media_access import MediaAccess
from oobctl.store.outage import Outage
from oobctl.store.process import Process
from oobctl.store.reading import AttributeRegistry, BiosBaseline, EventLogEntry, Figures, Reading
from oobctl.store.recording import Recording, RecordingKey
from oobctl.store.server import Assignment, BootOverride, Psu, Server
from oobctl.store.site import Feed, Rack, Site
from oobctl.store.ssh_key import SshKey

__all__ = [
    "Account",
    "Assignment",
    "AttributeRegistry",
    "AuditRecord",
    "Base",
    "BiosBaseline",
    "Bmc",
    "BmcCircuit",
    "BmcSession",
    "BmcUser",
    "BootOverride",
    "BootScript",
    "Console",
    "ConsoleShare",
    "Credential",
    "Database",
    "Endpoint",
    "EventLogEntry",
    "Feed",
    "Figures",
    "Grant",
    "Image",
    "Install",
    "InstallLog",
    "Job",
    "JobSecret",
    "JobStep",
    "Lease",
    "MediaAccess",
    "Membership",
    "Outage",
    "PanelSession",
    "Process",
    "Psu",
    "Rack",
    "Reading",
    "Recording",
    "RecordingKey",
    "RefusalCount",
    "Sample",
    "Series",
    "Server",
    "SetupKeyRequest",
    "Site",
    "SshKey",
    "Token",
    "User",
    "database",
    "db_now",
    "use",
]
