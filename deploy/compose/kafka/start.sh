#!/bin/sh
# Formats the storage once, then becomes the broker.
set -eu
# What a fresh volume has in it besides is not Kafka's: a folder below it.
mkdir -p /var/lib/kafka/data
if [ ! -s /var/lib/kafka/cluster ]; then
  /opt/kafka/bin/kafka-storage.sh random-uuid >/var/lib/kafka/cluster.new
  mv /var/lib/kafka/cluster.new /var/lib/kafka/cluster
fi
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --standalone --cluster-id "$(cat /var/lib/kafka/cluster)" --config /etc/kafka-flowsentry/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /etc/kafka-flowsentry/server.properties
