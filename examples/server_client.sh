#!/bin/sh
# Enrol one person on a Vultus server, and name the people in a picture. Needs curl.
#
#     VULTUS_KEY=... sh examples/server_client.sh http://127.0.0.1:8000 ada ada.jpg party.jpg
set -eu
url=$1 person=$2 portrait=$3 picture=$4

ask() {
    curl --fail-with-body --silent --show-error -H "Authorization: Bearer $VULTUS_KEY" "$@"
    echo
}

ask -F "picture=@$portrait" "$url/api/v1/groups/friends/people/$person/faces?largest=true"
ask -F "picture=@$picture" "$url/api/v1/identify?group=friends"
