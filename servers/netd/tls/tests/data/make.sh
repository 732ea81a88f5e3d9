#!/bin/sh
# Makes the fixed certificates of this folder anew.
set -e
cd "$(dirname "$0")"
work=$(mktemp -d)
openssl ecparam -name prime256v1 -genkey -noout -out "$work/ca.key"
printf '[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n' > "$work/ca.ext"
printf '[s]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:server.test,DNS:*.wild.test,IP:10.0.2.2\n' > "$work/s.ext"
sign() { # name subject extensions-section key signer...
    openssl req -new -key "$4" -subj "$2" -out "$work/$1.csr"
    name=$1 section=$3
    shift 4
    openssl x509 -req -in "$work/$name.csr" -extfile "$work/$section.ext" -extensions "$section" -days 3650 "$@" -out "$work/$name.pem" 2>/dev/null
}
sign ca "/O=Viaether/CN=Test CA" ca "$work/ca.key" -signkey "$work/ca.key"
for kind in p256 ed25519; do
    case $kind in
        p256) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$kind.key" ;;
        ed25519) openssl genpkey -algorithm ED25519 -out "$work/$kind.key" ;;
    esac
    sign $kind "/CN=server.test" s "$work/$kind.key" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial
    cp "$work/$kind.pem" "$work/$kind.key" .
done
cp "$work/ca.pem" .
rm -r "$work"
