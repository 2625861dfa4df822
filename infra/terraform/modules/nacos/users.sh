#!/bin/sh
# Gives a Nacos its administrator, and a user each for the controller (reads and writes the rules) and the gateways
# (read): users.sh FOLDER, where the files FOLDER/admin, FOLDER/canary and FOLDER/fleet hold their passwords.
# NACOS_URL is the server with its context path, NACOS_API v1 or v3. Safe to run twice: what is there stays, and each
# user is proven by logging in and reading. Passwords and tokens stay off the command line, where `ps` shows them.
set -eu

folder=$1
tries=${TRIES:-60}
pause=${PAUSE_SECONDS:-2}

case $NACOS_API in
  v3)
    auth="$NACOS_URL/v3/auth" users=user roles=role permissions=permission
    document="$NACOS_URL/v3/admin/cs/config?groupName=CANARY_GROUP&dataId=canary-rules.none.json"
    ;;
  v1)
    auth="$NACOS_URL/v1/auth" users=users roles=roles permissions=permissions
    document="$NACOS_URL/v1/cs/configs?group=CANARY_GROUP&dataId=canary-rules.none.json"
    ;;
  *)
    echo "NACOS_API must be v1 or v3, not '$NACOS_API'" >&2
    exit 2
    ;;
esac

# Runs curl with the token $token, if there is one; prints the answer's body and, on a line of its own, its status.
ask() {
  { [ -z "$token" ] || printf 'header = "Authorization: Bearer %s"\n' "$token"; } |
    curl --silent --show-error --max-time 10 --config - --write-out '\n%{http_code}\n' "$@" || true
}

# Tries a command until it succeeds: Nacos learns of new users and roles some seconds after they were made.
until_true() {
  left=$tries
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep "$pause"
  done
}

# Leaves the token of user $1 in $token.
log_in() {
  token=
  token=$(ask --data-urlencode "username=$1" --data-urlencode "password@$folder/$2" "$auth/$users/login" |
    sed -n 's/.*"accessToken" *: *"\([^"]*\)".*/\1/p')
  [ -n "$token" ]
}

# Logged in as somebody: may they read a rule? 404 is Nacos' word for "there is none", 403 for "not for you".
may_read() {
  status=$(ask "$document" | tail -n 1)
  [ "$status" = 200 ] || [ "$status" = 404 ]
}

proven() {
  log_in "$1" "$1" && may_read
}

# What is already there answers with an error of one kind or another, so the answers prove nothing; `proven` does.
make_user() {
  ask --data-urlencode "username=$1" --data-urlencode "password@$folder/$1" "$auth/$users" >/dev/null
  ask --data-urlencode "role=$1" --data-urlencode "username=$1" "$auth/$roles" >/dev/null
  ask --data-urlencode "role=$1" --data-urlencode "resource=$2" --data-urlencode "action=$3" \
    "$auth/$permissions" >/dev/null
}

token=
ask --data-urlencode "password@$folder/admin" "$auth/$users/admin" >/dev/null
until_true log_in nacos admin || {
  echo "the administrator cannot log in at $auth: this Nacos already has one with another password, or is not up" >&2
  exit 1
}
admin=$token

make_user canary ':CANARY_GROUP:*' rw
token=$admin
# A listener is asked for as "any group", so only a permission for all groups covers it.
make_user fleet ':*:*' r

for user in canary fleet; do
  until_true proven "$user" || {
    echo "the user $user cannot log in and read the rules: does it exist with another password?" >&2
    exit 1
  }
  echo "$user may log in and read"
done
