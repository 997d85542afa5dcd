#!/bin/sh
# Runs in the new root as mmdebstrap's last hook: what no package and no file of the overlay does.
set -eu

# The boot code's own drive is the one that the system is on, whatever other disks are called: no label is looked for.
# Made here, so that its release is that of the modules beside it.
prefix='(,gpt3)/boot/grub'
common='part_gpt part_msdos ext2 normal configfile linux echo serial terminal minicmd probe test search search_fs_uuid
        search_label'
for target in i386-pc x86_64-efi; do
    mkdir -p "/boot/grub/$target"
    cp /usr/lib/grub/$target/*.mod /usr/lib/grub/$target/*.lst "/boot/grub/$target/"
done
# shellcheck disable=SC2086  # one argument a module
grub-mkimage -O i386-pc -p "$prefix" -o /boot/grub/i386-pc/core.img biosdisk $common
# shellcheck disable=SC2086
grub-mkimage -O x86_64-efi -p "$prefix" -o /boot/grub/x86_64-efi/core.efi fat efi_gop all_video $common
cp /usr/lib/grub/i386-pc/boot.img /boot/grub/i386-pc/

systemctl -q enable systemd-networkd.service systemd-resolved.service ssh-host-keys.service serial-getty@ttyS0.service
mkdir -p /boot/efi
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' > /etc/hosts
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf

# What each installation has of its own, and what tells of where the image was made.
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /etc/hostname /etc/apt/sources.list
rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap /initrd.img.old /vmlinuz.old
find /var/log -type f -delete
