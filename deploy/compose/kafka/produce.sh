#!/bin/sh
# Sends the sample logs in order of time, keyed by interface, once: what is in the topic stays there over restarts.
set -eu
marker=/var/lib/producer/sent
if [ -e "$marker" ]; then
  echo 'sent already'
  exit 0
fi
# Without header lines, which are no records. The 12th field is a record's end.
cat /sample-logs/*.log | grep -v '^version ' | sort -s -n -k 12,12 | awk '{ print $3 "\t" $0 }' |
  /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server kafka:9093 --producer.config /etc/kafka-flowsentry/client.properties \
    --topic flow-logs --compression-codec zstd --property parse.key=true --producer-property acks=all
date >"$marker"
