#!/bin/sh
# Makes a CA and a certificate for each service, each in the folder that only this service mounts, owned by the user it runs as.
# Made anew when less than 10 days are left; run `docker compose up certificates` again before that.
#   certificates.sh OUT      OUT/ca stays with this container: its key signs everything here
# With OWNERS=no the files keep the caller's user.
set -eu
umask 077
out=$1
authority=$out/ca

if ! openssl x509 -in "$authority/ca.crt" -noout -checkend 31536000 >/dev/null 2>&1; then
  mkdir -p "$authority"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=flowsentry compose CA' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -keyout "$authority/ca.key" -out "$authority/ca.crt" 2>/dev/null
fi

# certificate NAME USER USAGE [HOST…]: the name is the identity, the hosts are what it may be called.
certificate() {
  name=$1 user=$2 usage=$3
  shift 3
  folder=$out/$name
  if openssl x509 -in "$folder/tls.crt" -noout -checkend 864000 >/dev/null 2>&1 &&
    openssl verify -CAfile "$authority/ca.crt" "$folder/tls.crt" >/dev/null 2>&1; then
    return
  fi
  mkdir -p "$folder"
  names=DNS:$name
  for host in "$@"; do names=$names,$host; done
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
    -keyout "$folder/tls.key.new" -out "$folder/request" 2>/dev/null
  printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' "extendedKeyUsage=$usage" \
    "subjectAltName=$names" 'subjectKeyIdentifier=hash' 'authorityKeyIdentifier=keyid' >"$folder/extensions"
  openssl x509 -req -in "$folder/request" -CA "$authority/ca.crt" -CAkey "$authority/ca.key" -days 90 \
    -set_serial "0x$(openssl rand -hex 16)" -extfile "$folder/extensions" -out "$folder/tls.crt.new" 2>/dev/null
  # Kafka takes a key and its chain from one file.
  cat "$folder/tls.key.new" "$folder/tls.crt.new" >"$folder/tls.pem.new"
  cp "$authority/ca.crt" "$folder/ca.crt.new"
  rm "$folder/request" "$folder/extensions"
  # Certificates are public, and have to be read here again once they are another user's.
  chmod 0644 "$folder/tls.crt.new" "$folder/ca.crt.new"
  for file in tls.key tls.crt tls.pem ca.crt; do
    if [ "${OWNERS:-yes}" = yes ]; then chown "$user:$user" "$folder/$file.new"; fi
    mv "$folder/$file.new" "$folder/$file"
  done
  echo "made a certificate for $name"
}

both=serverAuth,clientAuth
certificate kafka 1000 "$both" DNS:localhost
certificate producer 1000 clientAuth
certificate flowsentry 10001 "$both" DNS:localhost
certificate prometheus 65534 "$both" DNS:localhost
certificate alertmanager 65534 "$both" DNS:localhost
certificate grafana 472 "$both" DNS:localhost

# The only password: nobody's default, and told by `docker compose exec grafana cat /certificates/password`.
if [ ! -s "$out/grafana/password" ]; then
  openssl rand -base64 24 >"$out/grafana/password"
  if [ "${OWNERS:-yes}" = yes ]; then chown 472:472 "$out/grafana/password"; fi
fi
