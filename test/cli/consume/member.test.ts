import { Writable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { runCli, startCli, startTestServer } from '../../support/cli.ts';

let url: string;
let client: MillraceClient;
let topics = 0;

beforeAll(async () => {
  ({ url } = await startTestServer());
  client = createClient({ url });
});

async function topicOf(values: readonly (string | Uint8Array)[]): Promise<string> {
  const topic = `topic-${++topics}`;
  await client.topics.create(topic);
  await client.produce(
    topic,
    values.map((value) => ({ value })),
  );
  return topic;
}

describe('consume --group', () => {
  it('goes on where the group has got to, which is what was printed', async () => {
    const topic = await topicOf(['a', 'b', 'c', 'd']);
    const first = await runCli(['consume', topic, '--group', topic, '--count', '3'], { url });
    expect(first).toEqual({ code: 0, stdout: 'a\nb\nc\n', stderr: '' });
    expect((await client.committedOffsets(topic)).map(({ offset }) => offset)).toEqual([3]);
    expect((await runCli(['consume', topic, '-g', topic, '-c', '1'], { url })).stdout).toBe('d\n');
    expect((await client.groups.describe(topic)).members).toEqual([]);
  });

  it('prints what is no text as it is', async () => {
    const topic = await topicOf([Uint8Array.of(255, 0, 254)]);
    const { stdout } = await runCli(['consume', topic, '-g', topic, '-c', '1', '--format', 'base64'], { url });
    expect(stdout).toBe('/wD+\n');
  });

  it('shares the partitions until it is interrupted, and leaves then', async () => {
    const topic = await topicOf(['a']);
    const interrupt = new AbortController();
    const cli = startCli(['consume', topic, '-g', topic], { url, interruption: interrupt.signal });
    await cli.prints('a\n');
    await client.produce(topic, [{ value: 'late' }]);
    await cli.prints('late\n');
    interrupt.abort();
    expect((await cli.result).code).toBe(0);
    expect((await client.groups.describe(topic)).members).toEqual([]);
    expect((await client.committedOffsets(topic)).map(({ offset }) => offset)).toEqual([2]);
  });

  it('ends at once where there is no such topic, or no server', async () => {
    const none = await runCli(['consume', 'no-such-topic', '-g', 'billing'], { url });
    expect(none).toEqual({ code: 1, stdout: '', stderr: 'millrace: There is no topic "no-such-topic".\n' });
    const { code, stderr } = await runCli(['consume', 'orders', '-g', 'billing', '--url', 'http://127.0.0.1:9']);
    expect(code).toBe(1);
    expect(stderr).toContain('There is no answer from http://127.0.0.1:9');
  });

  it('goes on where its partitions were lost before what it had printed was committed', async () => {
    const topic = await topicOf(['a']);
    const interrupt = new AbortController();
    let held: (() => void) | undefined;
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, taken) {
        printed.push(chunk.toString());
        if (printed.length === 1) held = taken;
        else taken();
      },
    });
    const printed: string[] = [];
    const cli = startCli(['consume', topic, '-g', topic], { url, stdout, interruption: interrupt.signal });
    await expect.poll(() => held).toBeDefined();
    // As if it had been silent for longer than its session.
    const [member] = (await client.groups.describe(topic)).members;
    await fetch(`${url}/v1/groups/${topic}/leave`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ member: member?.member }),
    });
    held?.();
    await expect.poll(() => printed, { timeout: 10_000 }).toEqual(['a\n', 'a\n']);
    interrupt.abort();
    expect((await cli.result).code).toBe(0);
    expect((await client.committedOffsets(topic)).map(({ offset }) => offset)).toEqual([1]);
  });

  it.each([['--end'], ['--until', '5'], ['-p', '0'], ['--from', '7']])('is refused with %s %s', async (...flags) => {
    expect(await runCli(['consume', 'orders', '-g', 'billing', ...flags], { url })).toMatchObject({ code: 2 });
  });
});
