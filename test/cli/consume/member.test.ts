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

  it.each([['--end'], ['--until', '5'], ['-p', '0'], ['--from', '7']])('is refused with %s %s', async (...flags) => {
    expect(await runCli(['consume', 'orders', '-g', 'billing', ...flags], { url })).toMatchObject({ code: 2 });
  });
});
