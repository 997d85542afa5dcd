#!/bin/sh
# The bare way's commands to a BMC: medium in, boot from it once, old system down, power on. SYSTEM MEDIUM CA NETRC
set -eu
system=$1 medium=$2 authority=$3 sign_in=$4

ask() {
  curl --silent --show-error --fail --noproxy '*' --cacert "$authority" --netrc-file "$sign_in" \
    --header 'Content-Type: application/json' "$@"
}
power() { ask --data "{\"ResetType\": \"$1\"}" "$system/Actions/ComputerSystem.Reset"; }

ask --data "{\"Image\": \"$medium\"}" "$system/VirtualMedia/Cd/Actions/VirtualMedia.InsertMedia"
until ask "$system/VirtualMedia/Cd" | grep -q '"Inserted": *true'; do sleep 0.5; done
ask --request PATCH --data '{"Boot": {"BootSourceOverrideTarget": "Cd", "BootSourceOverrideEnabled": "Once"}}' "$system"
power GracefulShutdown
until ask "$system" | grep -q '"PowerState": *"Off"'; do sleep 0.5; done
power On
