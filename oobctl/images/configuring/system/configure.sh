#!/bin/sh
# Run once by the installer, in the new system's root, before its first boot. It prints nothing that is secret.
set -eu
cd /etc/oobctl

if [ -f root-password ]; then
    chpasswd -e <root-password
    chage -d 0 root
    rm -f root-password
    echo "The root password is set; it has to be changed at the first log-in."
fi
if [ -f /etc/locale.gen ] && grep -q '^[a-z]' /etc/locale.gen; then
    locale-gen >/dev/null
    echo "The locale is made."
fi
if [ -f wants-cloud-init ]; then
    rm -f wants-cloud-init /etc/cloud/cloud-init.disabled
    command -v cloud-init >/dev/null || { echo "There is user data, and this system has no cloud-init."; exit 1; }
fi
rm -f configure
