/** `VerifiableProducer` of Kafka's tools: it writes numbers, and says of each where it is. */
import type { JavaProgram } from './jvm.ts';

/**
 * So many different ones that all partitions get records; without keys a producer stays with one partition for 16 KiB.
 */
const KEYS = 100;
const MS_MAX = 240_000;

export interface Writing {
  bootstrap: string;
  topic: string;
  records: number;
  /** Records each second; absent: as fast as it can. */
  throughput?: number;
}

export function verifiableProducer({ bootstrap, topic, records, throughput = -1 }: Writing): JavaProgram {
  const amount = ['--max-messages', `${records}`, '--throughput', `${throughput}`, '--repeating-keys', `${KEYS}`];
  return {
    main: 'org.apache.kafka.tools.VerifiableProducer',
    args: ['--bootstrap-server', bootstrap, '--topic', topic, ...amount],
    msMax: MS_MAX,
  };
}
