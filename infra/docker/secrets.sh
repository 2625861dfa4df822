#!/bin/sh
# Makes the secrets of the Compose stack in the folder `secrets` beside this script. Safe to run twice: what is there
# stays, because Nacos keeps the passwords it was given first.
set -eu

folder=$(dirname "$0")/secrets
# Nobody else gets into the folder; its files are readable, because the programs in the containers have other users.
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

# Writes what it reads to the file $1, whole or not at all, unless the file is there.
keep() {
  if [ -e "$folder/$1" ]; then
    cat >/dev/null
  else
    cat >"$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "made secrets/$1"
  fi
}

# $1 random bytes as one line of base64.
random() {
  head -c "$1" /dev/urandom | base64 | tr -d '\n'
}

for name in nacos-admin nacos-canary nacos-fleet grafana-admin webhook-token; do
  random 24 | keep "$name"
done
# The format of an env_file. Nacos wants the key as base64 of 32 bytes or more.
printf 'NACOS_AUTH_TOKEN=%s\nNACOS_AUTH_IDENTITY_VALUE=%s\n' "$(random 32)" "$(random 16)" | keep nacos.env
