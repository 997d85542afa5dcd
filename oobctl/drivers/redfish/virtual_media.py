"""Virtual media over Redfish: slots, and images put in and taken out (DSP2046, VirtualMedia)."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from oobctl.drivers.interfaces import Fence
from oobctl.drivers.media_slots import same_image
from oobctl.drivers.readings import MediaReport, MediaSlot
from oobctl.drivers.redfish import change, media_decode, tasks
from oobctl.drivers.redfish.action_info import adjusted, offered
from oobctl.drivers.redfish.answers import Reply, link
from oobctl.drivers.redfish.session import RedfishSession
from oobctl.drivers.redfish.tree import Tree
from oobctl.drivers.redfish.waiting import tries
from oobctl.drivers.redfish.walk import Walk
from oobctl.errors import BmcRefused, NotSupported, StateNotReached
from oobctl.profiles.quirks import Quirk

_SEEN_WITHIN = 60.0  # seconds, until what was done must be read back
_MOST_ADJUSTMENTS = 4


@dataclass(frozen=True)
class _Held:
    """A slot with the resource that it was read from."""

    slot: MediaSlot
    resource: dict[str, Any]


class RedfishVirtualMedia:
    """interfaces.VirtualMedia of one ComputerSystem."""

    def __init__(self, session: RedfishSession, tree: Tree, fence: Fence) -> None:
        self._session, self._tree, self._fence = session, tree, fence

    def read(self) -> MediaReport:
        """Raises NotSupported where there are no slots at all."""
        slots, problems = [], []
        for collection in self._collections():
            for member in self._tree.each(collection, "list its virtual media"):
                slot = media_decode.decode(member.resource, member.path) if member.problem is None else None
                if slot is None:
                    problems.append(
                        member.problem or f"{member.path or collection}: a slot of virtual media has no id."
                    )
                else:
                    slots.append(slot)
        return MediaReport(tuple(slots), tuple(problems))

    def insert(self, slot: str, url: str) -> None:
        """Returns when the slot was read with the image in it.

        Raises BmcRefused where another image is in it, or the BMC takes this one not; NotSupported where the profile
        says that it can't fetch from there; StateNotReached where the image was not seen in it after a minute.
        """
        self._check_address(url)
        held = self._find(slot)
        if held.slot.inserted and held.slot.image is not None:
            if same_image(held.slot.image, url):
                return
            raise BmcRefused(f"There is another image in the slot {slot} of the BMC. Eject it first.")
        what = f"insert an image into its slot {slot}"
        reply = self._put_in(held, url, what)
        if not reply.ok:
            raise reply.error(what)
        tasks.finish(self._session, reply, what)
        self._until(slot, url, what)

    def eject(self, slot: str) -> None:
        """Returns when the slot was read as empty."""
        held = self._find(slot)
        if held.slot.inserted is False:
            return
        what = f"eject the image in its slot {slot}"
        action = None if self._by_patch else offered(self._session, held.resource, "VirtualMedia.EjectMedia")
        if action is not None:
            reply = self._session.write("POST", action.target, {}, self._fence, what=what)
        else:
            reply = self._patch(held, {"Image": None, "Inserted": False}, {"Inserted": False}, what, ())
        if not reply.ok and self._find(slot).slot.inserted is not False:
            raise reply.error(what)
        tasks.finish(self._session, reply, what)
        self._until(slot, None, what)

    # --- parts of these

    @property
    def _by_patch(self) -> bool:
        return self._session.login.profile.has(Quirk.MEDIA_WITHOUT_ACTIONS)

    def _collections(self) -> list[str]:
        """The system's slots, else those of its controllers; the other way round where these are the ones that work."""
        problems: list[str] = []
        ways = [self._of_system, self._of_controllers]
        if self._session.login.profile.has(Quirk.MEDIA_UNDER_MANAGERS):
            ways.reverse()
        found = next((paths for way in ways if (paths := way(problems))), [])
        if not found:
            raise NotSupported(" ".join(["This BMC has no virtual media.", *problems]))
        return found

    def _of_system(self, _problems: list[str]) -> list[str]:
        path = link(self._tree.system().resource(), "VirtualMedia")
        return [path] if path is not None else []

    def _of_controllers(self, problems: list[str]) -> list[str]:
        walk = Walk(self._session, self._tree)
        found = [link(controller.resource, "VirtualMedia") for controller in walk.managers()]
        problems += walk.problems
        return list(dict.fromkeys(path for path in found if path is not None))

    def _find(self, slot: str) -> _Held:
        """One slot as it is now. Raises NotSupported where there is none of that id."""
        report = self.read()
        found = next((item for item in report.slots if item.slot == slot), None)
        if found is None:
            listed = ", ".join(item.slot for item in report.slots) or "none"
            raise NotSupported(f"This BMC has no slot {slot!r:.80} of virtual media: it has {listed}.")
        resource = self._session.resource(found.source, what="describe its virtual media")
        return _Held(media_decode.decode(resource, found.source) or found, resource)

    def _check_address(self, url: str) -> None:
        """Raises NotSupported where the BMC can't fetch that way, BmcRefused where a user or password is in it."""
        parts = urlsplit(url)
        fetches = self._session.login.profile.media.fetches
        if parts.scheme not in fetches:
            raise NotSupported(f"This BMC fetches images over {', '.join(fetches)}, and not over {parts.scheme:.20}.")
        if "@" in parts.netloc:
            raise BmcRefused("The image's address has a user or password in it: BMCs show it to everybody.")

    def _put_in(self, held: _Held, url: str, what: str) -> Reply:
        action = None if self._by_patch else offered(self._session, held.resource, "VirtualMedia.InsertMedia")
        if action is None:
            more = {"WriteProtected": True} if "WriteProtected" in held.resource else {}
            return self._patch(held, {"Image": url, "Inserted": True, **more}, {"Inserted": True, **more}, what, (url,))
        image_only = self._session.login.profile.has(Quirk.MEDIA_IMAGE_ONLY)
        body, more = ({"Image": url}, {}) if image_only else media_decode.insertion(url, action)
        for _ in range(_MOST_ADJUSTMENTS):
            reply = self._session.write("POST", action.target, body, self._fence, what=what, secrets=(url,))
            following = adjusted(body, reply, more)
            if following is None:
                break
            body = following
        return reply

    def _patch(
        self, held: _Held, body: dict[str, Any], more: dict[str, Any], what: str, secrets: tuple[str, ...]
    ) -> Reply:
        """The form without actions. Raises NotSupported where the profile does not say that this BMC has it."""
        if not self._by_patch:
            raise NotSupported(
                f"This BMC's slot {held.slot.slot} has no action for that. If it is changed by PATCH, its profile has "
                f"to say so with the quirk {Quirk.MEDIA_WITHOUT_ACTIONS}."
            )
        for _ in range(_MOST_ADJUSTMENTS):
            reply = change.patch(self._session, held.slot.source, body, self._fence, what=what, secrets=secrets)
            following = adjusted(body, reply, more)
            if following is None:
                break
            body = following
        return reply

    def _until(self, slot: str, url: str | None, what: str) -> None:
        """Read back until the slot holds that image, or (None) is empty."""
        seen = None
        for _ in tries(_SEEN_WITHIN):
            seen = self._find(slot).slot
            if url is None and not seen.inserted:
                return
            if url is not None and seen.inserted and (seen.image is None or same_image(seen.image, url)):
                return
        hint = "" if url is None else " Check that it reaches the image's address."
        raise StateNotReached(
            f"The BMC was asked to {what}, and after {_SEEN_WITHIN:.0f} s it is not so.{hint}",
            wanted="inserted" if url else "empty",
            last_read="inserted" if seen is not None and seen.inserted else "empty",
        )
