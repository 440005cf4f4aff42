/** A `VerifiableConsumer` of Kafka's tools: what it has said of what it read and committed. */
import assert from 'node:assert/strict';
import { JavaProcess } from './jvm.ts';

export interface PartitionOffset {
  partition: number;
  offset: number;
}

export interface ConsumerOptions {
  bootstrap: string;
  /** Of the group as well. */
  topic: string;
  args: readonly string[];
}

interface ConsumerEvent extends PartitionOffset {
  name: string;
  value: string;
  success: boolean;
  error: string | null;
  offsets: PartitionOffset[];
  partitions: unknown[];
}

export class VerifiableConsumer {
  readonly process: JavaProcess;
  readonly #values = new Map<string, string>();
  readonly #committed = new Map<number, number>();
  #assigned = false;
  #linesRead = 0;

  constructor({ bootstrap, topic, args }: ConsumerOptions) {
    this.process = new JavaProcess({
      main: 'org.apache.kafka.tools.VerifiableConsumer',
      args: ['--bootstrap-server', bootstrap, '--topic', topic, '--group-id', topic, '--verbose', ...args],
    });
  }

  /** Whether it has had partitions. */
  get assigned(): boolean {
    this.#read();
    return this.#assigned;
  }

  /** What it has read, by place. */
  get values(): ReadonlyMap<string, string> {
    this.#read();
    return this.#values;
  }

  /** The offset that it has committed of a partition. */
  committed(partition: number): number {
    this.#read();
    return this.#committed.get(partition) ?? 0;
  }

  #read(): void {
    const { lines } = this.process;
    for (; this.#linesRead < lines.length; this.#linesRead++) {
      this.#take(JSON.parse(lines[this.#linesRead] as string) as ConsumerEvent);
    }
  }

  #take(event: ConsumerEvent): void {
    switch (event.name) {
      case 'partitions_assigned':
        this.#assigned ||= event.partitions.length > 0;
        return;
      case 'record_data':
        assert.ok(!this.#values.has(placeOf(event)), `${placeOf(event)} was read twice by the same`);
        this.#values.set(placeOf(event), event.value);
        return;
      case 'offsets_committed':
        assert.equal(event.success, true, `a commit was refused: ${event.error}`);
        for (const { partition, offset } of event.offsets) this.#committed.set(partition, offset);
    }
  }
}

export function placeOf({ partition, offset }: PartitionOffset): string {
  return `${partition}:${offset}`;
}
