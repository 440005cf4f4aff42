/**
 * Programs of Kafka Streams' own tests: an application of several processes, and the driver that writes for it and
 * verifies.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { JavaProcess } from './jvm.ts';
import { writeProperties } from './properties.ts';

export interface StreamsProgram {
  /** Of package org.apache.kafka.streams.tests. */
  test: 'StreamsSmokeTest' | 'StreamsEosTest';
  command: string;
  bootstrap: string;
  /** For its state, which outlives its process. */
  directory: string;
  settings?: Record<string, string>;
}

const JVM_OPTIONS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx512m'];

/** Of all its processes: as in Kafka's system tests, with more time for a machine that runs all of them. */
const SETTINGS = {
  'acceptable.recovery.lag': '9223372036854775807',
  'session.timeout.ms': '20000',
  'producer.transaction.timeout.ms': '60000',
};

export class StreamsProcess extends JavaProcess {
  constructor({ test, command, bootstrap, directory, settings = {} }: StreamsProgram) {
    mkdirSync(directory, { recursive: true });
    const properties = {
      'bootstrap.servers': bootstrap,
      'state.dir': join(directory, 'state'),
      ...SETTINGS,
      ...settings,
    };
    const file = writeProperties(directory, 'streams', properties);
    super({ main: `org.apache.kafka.streams.tests.${test}`, args: [file, command], options: JVM_OPTIONS });
  }

  /** Resolves when it has a share of the work, and has done some of it, since it had written `mark` lines. */
  async works(mark = 0): Promise<void> {
    const since = () => this.lines.slice(mark);
    const running = () => since().findIndex((line) => line.includes('REBALANCING -> RUNNING'));
    await this.until('it was running', () => running() >= 0);
    const processed = (line: string) => /processed \d+ records from topic/.test(line);
    await this.until('it had processed records', () => since().slice(running()).some(processed));
  }
}
