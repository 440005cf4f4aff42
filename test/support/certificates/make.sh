#!/bin/sh
# Makes the certificates of the tests, valid for a hundred years: an authority, what it has signed, and one that signs itself.
set -eu
cd "$(dirname "$0")"
days=36500
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

key authority
openssl req -x509 -new -key authority.key -subj '/CN=tests' -days $days -out authority.crt
signed() { # name, subject, extensions
  key "$1"
  printf '%s\n' "$3" >"$1.ext"
  openssl req -new -key "$1.key" -subj "$2" |
    openssl x509 -req -CA authority.crt -CAkey authority.key -CAcreateserial -days $days -extfile "$1.ext" -out "$1.crt"
  rm "$1.ext"
}
signed server '/CN=localhost' 'subjectAltName=DNS:localhost,IP:127.0.0.1'
signed next '/CN=next.localhost' 'subjectAltName=DNS:localhost,IP:127.0.0.1'
signed admin '/CN=admin' 'extendedKeyUsage=clientAuth'
signed nobody '/CN=nobody' 'extendedKeyUsage=clientAuth'
signed two-names '/CN=admin/CN=other' 'extendedKeyUsage=clientAuth'
key stranger
openssl req -x509 -new -key stranger.key -subj '/CN=admin' -days $days -out stranger.crt
rm -f authority.key authority.srl
