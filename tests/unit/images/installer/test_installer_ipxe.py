"""iPXE scripts: what is put into them can't become more of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oobctl.images.installer import ipxe

URL = "http://192.0.2.1:8090/install"


def test_a_jobs_script_loads_the_kernel_both_ramdisks_and_boots_them() -> None:
    lines = ipxe.job_script(URL, "j/abc/job.cpio").splitlines()
    assert lines[0] == "#!ipxe"
    assert any(line.startswith(f"kernel {URL}/vmlinuz initrd=ramdisk initrd=job.cpio ") for line in lines)
    assert f"initrd --name job.cpio {URL}/j/abc/job.cpio || goto disk" in lines
    assert any(line.startswith("boot") for line in lines)


def test_the_kernels_command_line_says_nothing_of_the_job() -> None:
    kernel = next(line for line in ipxe.job_script(URL, "j/s3cret/job.cpio").splitlines() if line.startswith("kernel"))
    assert "s3cret" not in kernel


@pytest.mark.parametrize("firmware", ["BIOS", "UEFI"])
def test_booting_from_disk_says_so_on_the_screen(firmware: str) -> None:
    script = ipxe.disk_script(firmware)
    assert script.startswith("#!ipxe\necho ")
    assert ("sanboot" in script) == (firmware == "BIOS")


_HOSTILE = st.sampled_from(["\n", "\r", " ", "${", "$", "&&", "||", "#", "'", '"', "`", "\\", ";", "\0", "?", "ä", "%"])


@given(before=st.text("abc/", max_size=5), bad=_HOSTILE, after=st.text(max_size=10))
def test_a_value_that_a_script_would_read_as_more_is_refused(before: str, bad: str, after: str) -> None:
    with pytest.raises(ValueError, match="iPXE"):
        ipxe.job_script(URL, before + bad + after)
    with pytest.raises(ValueError, match="iPXE"):
        ipxe.job_script(f"{URL}/{before}{bad}{after}", "job.cpio")


@pytest.mark.parametrize(
    "url", ["ftp://a/b", "http://", "http://u:p@a/b", "https://a/../b", "http://a:port/x", URL + "\n"]
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        ipxe.job_script(url, "job.cpio")


def test_an_unknown_firmware_is_refused() -> None:
    with pytest.raises(ValueError, match="firmware"):
        ipxe.disk_script("BIOS\nshell")
