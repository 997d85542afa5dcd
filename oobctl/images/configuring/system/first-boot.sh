#!/bin/sh
# The new system's first boot: packages, the post-install script, then it reports itself, and nothing of this is left.
set -u
cd /etc/oobctl || exit 0
note() { printf '%s\n' "$*" >>notes; }

if [ -f packages ] && [ ! -f packages-done ]; then
    # shellcheck disable=SC2046  # one argument a package; each name was checked
    if DEBIAN_FRONTEND=noninteractive apt-get -q update >/var/log/oobctl-packages.log 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get -q -y install $(cat packages) >>/var/log/oobctl-packages.log 2>&1; then
        note "packages: installed"
    else
        note "packages: apt-get failed; see /var/log/oobctl-packages.log"
    fi
    touch packages-done
fi
if [ -f post-install ] && [ ! -f post-install-done ]; then
    touch post-install-done
    ./post-install >/var/log/oobctl-post-install.log 2>&1
    note "post-install script: ended with $?; see /var/log/oobctl-post-install.log"
fi

cat /etc/ssh/ssh_host_*_key.pub >host-keys
hostname >host-name
uname -r >kernel
touch notes
set -- --silent --show-error --max-time 30 --tlsv1.2 --cacert ca.pem --proto =https --output /dev/null
status=$(curl "$@" --write-out '%{http_code}' --data-urlencode key@key --data-urlencode host_name@host-name --data-urlencode kernel@kernel \
    --data-urlencode host_keys@host-keys --data-urlencode notes@notes "$(cat url)/first-boot")
case $status in
    200 | 404 | 410) ;; # taken, or nobody waits for it any more
    *) exit 1 ;;
esac
cd / && rm -rf /etc/oobctl
rm -f /etc/systemd/system/multi-user.target.wants/oobctl-first-boot.service
