import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CONSUMER = fileURLToPath(new URL('consumer.ts', import.meta.url));

/** The consumers that there are, and what all that there were have said. */
export class Crew {
  readonly logs: string[] = [];
  readonly living = new Set<ChildProcess>();
  kills = 0;
  leaves = 0;
  /** Of consumer.ts. */
  private readonly args: readonly string[];

  constructor(args: readonly string[]) {
    this.args = args;
  }

  start(): void {
    const consumer = spawn(process.execPath, [CONSUMER, ...this.args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const index = this.logs.push('') - 1;
    consumer.stdout.setEncoding('utf8').on('data', (text: string) => (this.logs[index] += text));
    this.living.add(consumer);
  }

  /** Ends one, whichever it hits: by a kill, or more rarely so that it can leave the group. */
  async endOne(): Promise<void> {
    const consumer = [...this.living][randomInt(this.living.size)] as ChildProcess;
    const gently = randomInt(4) === 0;
    if (gently) this.leaves++;
    else this.kills++;
    await this.end(consumer, gently ? 'SIGTERM' : 'SIGKILL');
  }

  async dismiss(): Promise<void> {
    await Promise.all([...this.living].map((consumer) => this.end(consumer, 'SIGTERM')));
  }

  killAll(): void {
    for (const consumer of this.living) consumer.kill('SIGKILL');
  }

  private async end(consumer: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (consumer.exitCode !== null) throw new Error(`a consumer ended by itself, with ${consumer.exitCode}`);
    const closed = once(consumer, 'close');
    consumer.kill(signal);
    await closed;
    this.living.delete(consumer);
    // One that was told before it could listen has no exit code.
    if (consumer.exitCode !== null && consumer.exitCode !== 0)
      throw new Error('a consumer that was told to end failed');
  }
}
