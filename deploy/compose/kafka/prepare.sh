#!/bin/sh
# Makes the topic and says who may use it. Runs with the broker's own certificate, and can run again.
set -eu
kafka() {
  tool=$1
  shift
  "/opt/kafka/bin/$tool.sh" --bootstrap-server kafka:9093 --command-config /etc/kafka-flowsentry/client.properties "$@"
}
# Keyed by interface, so that an interface's records stay in order.
kafka kafka-topics --create --if-not-exists --topic flow-logs --partitions 4 --replication-factor 1
kafka kafka-acls --add --allow-principal User:producer --producer --topic flow-logs
kafka kafka-acls --add --allow-principal User:flowsentry --consumer --topic flow-logs --group flowsentry
