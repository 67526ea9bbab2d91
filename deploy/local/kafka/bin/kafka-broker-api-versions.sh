#!/bin/sh
# shellcheck disable=SC2086 # options are several words
exec java ${KAFKA_HEAP_OPTS:--Xmx128m} -Dlog4j2.configurationFile=/etc/kafka/docker/tools-log4j2.yaml \
    -cp '/opt/kafka/libs/*' org.apache.kafka.tools.BrokerApiVersionsCommand "$@"
