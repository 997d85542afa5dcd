"""`oobctl image`: the disk images of this site, on this computer."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oobctl.config import settings
from oobctl.images import catalogue, removal

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The image's name, as `oobctl image list` has it.")]


@app.command("list")
def show() -> None:
    """The images that servers of this site can be given."""
    images = catalogue.all_images()
    if not images:
        print(f"No image is in {settings().images} yet. Add one: oobctl image add FILE.iso")
        return
    table = Table("Image", "Size")
    for image in images:
        table.add_row(image.name, f"{image.size / 2**20:,.1f} MB")
    Console().print(table)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A disk image (.iso or .img).", exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option(help="Another name than the file's.")] = None,
) -> None:
    """Copy a disk image into the catalogue of this site."""
    image = catalogue.add(file, name)
    print(f"Added {image.name}. Use it: oobctl server act SERVER media.insert image={image.name}")


@app.command()
def remove(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Though servers have it in a virtual drive.")] = False,
) -> None:
    """Take a disk image out of the catalogue. Refused while a server has it in a virtual drive."""
    servers = removal.remove(name, force=force)
    print(f"Removed {name}." + (f" It was in a virtual drive of {', '.join(servers)}." if servers else ""))
