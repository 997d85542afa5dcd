"""`oobctl image`: the images of this site, on this computer: of operating systems, and for virtual drives."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oobctl.cli import image_system
from oobctl.config import settings
from oobctl.images import catalogue, removal
from oobctl.images.systems.entry import MEDIA

app = typer.Typer(no_args_is_help=True)
app.command("installer")(image_system.installer)
app.command("provide")(image_system.provide)
app.command("build")(image_system.build)
app.command("import")(image_system.take_in)
app.command("verify")(image_system.check_files)
app.command("retire")(image_system.retire)
app.command("unretire")(image_system.unretire)


@app.command("list")
def show() -> None:
    """The images that servers of this site can be given."""
    media = [
        (image.name, "for a virtual drive", "", f"{image.size / 2**20:,.1f} MB", "") for image in catalogue.all_images()
    ]
    rows = image_system.rows() + media
    if not rows:
        print(f"No image is in {settings().images} yet. Make one: oobctl image build debian-13; for a virtual drive:")
        print("oobctl image add FILE.iso")
        return
    table = Table("Image", "What", "Firmware", "Size", "")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A disk image (.iso or .img).", exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option(help="Another name than the file's.")] = None,
) -> None:
    """Copy a disk image for virtual drives into the catalogue of this site."""
    image = catalogue.add(file, name)
    print(f"Added {image.name}. Use it: oobctl server act SERVER media.insert image={image.name}")


@app.command()
def remove(
    name: image_system.Name,
    force: Annotated[bool, typer.Option("--force", help="Though servers use it now.")] = False,
) -> None:
    """Take an image out of the catalogue. Refused while a server has it in a drive, or is installed from it."""
    if not name.endswith(MEDIA):
        installed = removal.remove_system(name, force=force)
        print(f"Removed {name}." + (f" It was being installed on {', '.join(installed)}." if installed else ""))
        return
    servers = removal.remove(name, force=force)
    print(f"Removed {name}." + (f" It was in a virtual drive of {', '.join(servers)}." if servers else ""))
