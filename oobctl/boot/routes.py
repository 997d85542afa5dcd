"""What the boot service answers: images for BMCs, network boot, the installers' protocol; everything else is 404."""

from aiohttp import web

from oobctl.boot import installs, media, network
from oobctl.boot.site import SITE, Site
from oobctl.images import access


def app(site: Site) -> web.Application:
    """GET and HEAD of images, in ranges if wanted; network boot; what installers and new systems ask; and no more."""
    service = web.Application(middlewares=[installs.told_plainly], client_max_size=installs.MOST_BYTES)
    service[SITE] = site
    service.router.add_get(f"{access.PREFIX}/{{key}}/{{name}}", media.image)
    service.router.add_get(f"{network.PREFIX}/boot.ipxe", network.first_script)
    service.router.add_get(f"{network.PREFIX}/script", network.script)
    service.router.add_get(f"{network.PREFIX}/vmlinuz", network.kernel)
    service.router.add_get(f"{network.PREFIX}/ramdisk", network.ramdisk)
    service.router.add_get(f"{network.PREFIX}/{{job}}/{{ticket}}/job.cpio", network.job)
    for name in network.PROGRAMS:
        service.router.add_get(f"{network.PREFIX}/{name}", network.program)
    service.router.add_post(f"{installs.PREFIX}/claim", installs.claim)
    service.router.add_post(f"{installs.PREFIX}/begin", installs.begin)
    service.router.add_post(f"{installs.PREFIX}/report", installs.report)
    service.router.add_get(f"{installs.PREFIX}/image", installs.image)
    service.router.add_get(f"{installs.PREFIX}/files", installs.files)
    service.router.add_post(f"{installs.PREFIX}/first-boot", installs.first_boot)
    return service
