/** A file that Connect's file source reads, the topic that it writes, and the file that the sink makes of it. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { readTopic } from './kcat.ts';
import { assertSame } from './same.ts';

export class ConnectedFiles {
  readonly topic: string;
  readonly input: string;
  readonly output: string;
  readonly #lines: string[] = [];

  constructor(directory: string, topic: string) {
    this.topic = topic;
    this.input = join(directory, `${topic}.in`);
    this.output = join(directory, `${topic}.out`);
  }

  get count(): number {
    return this.#lines.length;
  }

  get source(): Record<string, string> {
    const connector = 'org.apache.kafka.connect.file.FileStreamSourceConnector';
    return { name: `${this.topic}-source`, 'connector.class': connector, file: this.input, topic: this.topic };
  }

  get sink(): Record<string, string> {
    const connector = 'org.apache.kafka.connect.file.FileStreamSinkConnector';
    return { name: `${this.topic}-sink`, 'connector.class': connector, file: this.output, topics: this.topic };
  }

  append(count: number): void {
    // Of ASCII: the connector remembers characters, and skips as many bytes when it is started anew.
    const lines = Array.from({ length: count }, (_, index) => `line ${this.#lines.length + index}`);
    appendFileSync(this.input, lines.map((line) => `${line}\n`).join(''));
    this.#lines.push(...lines);
  }

  /** The topic has every line once. */
  async copied(bootstrap: string): Promise<void> {
    await eventually(async () => {
      const records = await readTopic(bootstrap, this.topic);
      assertSame(
        records.map(({ value }) => value),
        this.#lines,
      );
    });
  }

  /** The sink has every line; `again`: some of them more than once, but all in order. */
  async written({ again = false } = {}): Promise<void> {
    await eventually(() => {
      const lines = readFileSync(this.output, 'utf8').split('\n').filter(Boolean);
      assertSame(again ? [...new Set(lines)] : lines, this.#lines);
    });
  }
}

/** Of all workers. */
export function workerProperties(bootstrap: string): Record<string, string> {
  return {
    'bootstrap.servers': bootstrap,
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'offset.flush.interval.ms': '1000',
    // The connectors are on the classpath.
    'plugin.discovery': 'service_load',
  };
}
