"""What a BMC can do for us: its profile's claims over the protocols that it is reached by, and what they rest on."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from oobctl import profiles
from oobctl.constants import Capability, Lifecycle, Protocol
from oobctl.errors import ConfigurationError
from oobctl.profiles import Profile
from oobctl.store import Bmc, Endpoint, Server


def of_profiles(session: Session, rows: Sequence[Server], *, staff: bool) -> dict[str, dict[str, Any]]:
    """Per server what its shape says of the profile; staff also why the BMC has a generic one. In two queries."""
    ids = {row.bmc_id for row in rows}
    bmcs = {bmc.id: bmc for bmc in session.scalars(select(Bmc).where(Bmc.id.in_(ids)))}
    spoken = _spoken(session, ids)
    known = {name: _profile(name) for name in {bmc.profile for bmc in bmcs.values()}}
    return {
        row.id: _said(known[bmcs[row.bmc_id].profile], row, bmcs[row.bmc_id], spoken[row.bmc_id], staff=staff)
        for row in rows
    }


def _spoken(session: Session, bmc_ids: Collection[str]) -> dict[str, set[Protocol]]:
    found: dict[str, set[Protocol]] = defaultdict(set)
    query = select(Endpoint.bmc_id, Endpoint.protocol).where(Endpoint.bmc_id.in_(bmc_ids))
    for bmc_id, protocol in session.execute(query):
        found[bmc_id].add(protocol)
    return found


def _profile(name: str) -> Profile | None:
    """None where it is missing or wrong (the log names it at the start)."""
    try:
        return profiles.find(name)
    except ConfigurationError:
        return None


def _said(profile: Profile | None, row: Server, bmc: Bmc, spoken: set[Protocol], *, staff: bool) -> dict[str, Any]:
    if profile is None:
        note = f"The hardware profile {bmc.profile} is missing or wrong: run oobctl profile check." if staff else None
        return {
            "profile": bmc.profile, "generic": False, "profile_note": note, "capabilities": [], "protocols": {},
            "evidence": {},
        }  # fmt: skip
    ways = {name: profile.way_to(name, spoken) for name in sorted(profile.transports)}
    return {
        "profile": bmc.profile,
        "generic": profile.generic,
        "profile_note": _note(profile, row, bmc) if staff else None,
        "capabilities": [name for name, protocol in ways.items() if protocol is not None],
        "protocols": {name: protocol for name, protocol in ways.items() if protocol is not None},
        "evidence": {str(capability): profile.evidence_of(capability) for capability in Capability},
    }


def _note(profile: Profile, row: Server, bmc: Bmc) -> str | None:
    if not profile.generic or row.lifecycle is Lifecycle.ENROLLING:
        return None
    said = profiles.said_in(row.manufacturer, row.model, bmc.model, bmc.firmware)
    return f"{profiles.generic_note(profile, said)} What its maker does in other ways than the standard is not known."
