#!/bin/sh
# Makes the folder TARGET hold exactly the files of the folder SOURCE: sync.sh SOURCE TARGET
# A reader of TARGET never sees half a file, because each arrives under a hidden name and is renamed. Safe to run twice.
set -eu
umask 022

source=$1
target=$2
mkdir -p "$target"

for file in "$source"/*; do
  [ -f "$file" ] || continue # an empty folder leaves the pattern itself
  name=${file##*/}
  cp "$file" "$target/.$name.new"
  chmod 0444 "$target/.$name.new"
  mv -f "$target/.$name.new" "$target/$name"
  echo "put $name"
done

for file in "$target"/* "$target"/.*.new; do
  [ -f "$file" ] || continue
  name=${file##*/}
  [ -f "$source/$name" ] && continue
  rm -f "$file"
  echo "removed $name"
done
