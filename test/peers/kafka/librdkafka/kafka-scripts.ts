/**
 * What librdkafka's tests use of an installation of Kafka: a few of its scripts, which start Kafka's own classes from
 * its jars.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JARS } from '../java/jars.ts';

const MAIN_CLASSES = {
  'kafka-acls.sh': 'org.apache.kafka.tools.AclCommand',
  'kafka-configs.sh': 'kafka.admin.ConfigCommand',
  'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
  /** The class comes with its arguments. */
  'kafka-run-class.sh': '',
};

/** The directory that the tests want to be told as `KAFKA_PATH`. */
export function writeKafkaScripts(home: string): string {
  const kafka = join(home, 'kafka');
  mkdirSync(join(kafka, 'bin'), { recursive: true });
  symlinkSync(JARS, join(kafka, 'libs'));
  for (const [script, main] of Object.entries(MAIN_CLASSES)) {
    const java = `java -XX:TieredStopAtLevel=1 -Xmx256m -cp "$CLASSPATH:${JARS}/*" ${main}`;
    writeFileSync(join(kafka, 'bin', script), `#!/bin/sh\nexec ${java} "$@"\n`, { mode: 0o755 });
  }
  return kafka;
}
