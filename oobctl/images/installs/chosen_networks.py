"""The network that was chosen for a new system, told to its installer before that has reached anybody."""

from sqlalchemy import select

from oobctl.images.configuring.networks import Network
from oobctl.images.installs import keys
from oobctl.store import Install, Job, database


def of_key(claim_key: str) -> Network:
    """That of the job which this key claims; what says DHCP where there is no such job. It is no secret."""
    query = select(Job.parameters).join(Install, Install.job_id == Job.id)
    with database().read() as session:
        asked = session.scalar(query.where(Install.key_hash == keys.hashed(claim_key)))
    return Network.model_validate((asked or {}).get("network") or {})
