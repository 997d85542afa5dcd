"""Which kernel modules go into the ramdisk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.errors import ConfigurationError
from oobctl.images.installer import building, modules

KNOWN = modules.dependencies(
    "kernel/drivers/net/mlx5/core/mlx5_core.ko: kernel/net/tls/tls.ko kernel/drivers/mlxfw/mlxfw.ko\n"
    "kernel/net/tls/tls.ko:\nkernel/drivers/mlxfw/mlxfw.ko:\nkernel/drivers/usb/usb-storage.ko.xz:\n"
)


def test_a_module_brings_what_it_depends_on_once() -> None:
    assert modules.closure(["mlx5_core", "tls"], KNOWN, set()) == [
        "kernel/drivers/mlxfw/mlxfw.ko", "kernel/drivers/net/mlx5/core/mlx5_core.ko", "kernel/net/tls/tls.ko",
    ]  # fmt: skip


def test_a_dash_and_an_underscore_are_the_same_in_a_modules_name() -> None:
    assert modules.closure(["usb_storage"], KNOWN, set()) == ["kernel/drivers/usb/usb-storage.ko.xz"]
    assert modules.closure(["usb-storage"], KNOWN, set()) == ["kernel/drivers/usb/usb-storage.ko.xz"]


def test_what_is_in_the_kernel_itself_needs_no_file() -> None:
    assert modules.closure(["nvmem-core"], {}, modules.builtin("kernel/drivers/nvmem/nvmem_core.ko\n")) == []


def test_a_module_that_the_kernel_lacks_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no_such"):
        modules.closure(["tls", "no-such"], KNOWN, set())


@given(st.text())
def test_any_table_of_dependencies_is_read(text: str) -> None:
    modules.dependencies(text)


def test_no_module_and_no_program_is_listed_twice() -> None:
    listed = building.contents()
    names = [name for group in listed["modules"].values() for name in group]
    programs = [name for group in listed["programs"].values() for name in group]
    assert len(set(names)) == len(names)
    assert len(set(programs)) == len(programs)
