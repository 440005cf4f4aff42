import { describe, expect, test } from 'vitest';
import { createApp } from '../../../lib/http/app.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { afterUncleanElection, type ReadingWorld, readingWorld } from '../../support/reading-world.ts';

const PARTITION = '/v1/topics/t/partitions/0';

function callerOf({ broker, clock }: ReadingWorld, streaming = true) {
  const app = createApp({ broker, clock, random: seededRandom(1), streaming });
  return async (path: string, headers: Record<string, string> = {}) =>
    app.request(`http://localhost${PARTITION}/${path}`, { headers });
}

interface Answer {
  records: { offset: number }[];
  next_offset: number;
  segments: { url: string }[];
}

describe('X-Rack', () => {
  const forms = ['application/json', 'application/x-ndjson', 'application/vnd.millrace.batches', 'text/event-stream'];

  test.each(forms)('chooses the replica that is read for %s', async (accept) => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    const call = callerOf(world, false);
    const answer = await call('records?offset=0', { accept, 'x-rack': 'c' });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    const read = world.replicas.map(({ calls }) => calls.some((name) => name.startsWith('getRange')));
    expect(read).toEqual([false, false, true]);
  });

  test('chooses the replica of a live tail that goes on', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    const answer = await callerOf(world)('records?offset=0', { accept: 'text/event-stream', 'x-rack': 'b' });
    await answer.body?.cancel();
    expect(world.replicas[1]?.calls.some((name) => name.startsWith('getRange'))).toBe(true);
    expect(world.replicas[0]?.calls.some((name) => name.startsWith('getRange'))).toBe(false);
  });

  test('chooses the replica that a plan leads to', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    const { segments } = (await (await callerOf(world)('plan?offset=0', { 'x-rack': 'b' })).json()) as Answer;
    expect(segments.map(({ url }) => new URL(url).host)).toEqual(['replica-1']);
  });

  test.each(['records?offset=0', 'plan?offset=0'])('is 1 to 255 characters: %s', async (path) => {
    const call = callerOf(await readingWorld());
    const longest = 'r'.repeat(replicationLimits.rackLengthMax);
    expect((await call(path, { 'x-rack': longest })).status).toBe(200);
    for (const rack of ['', `${longest}r`]) {
      const answer = await call(path, { 'x-rack': rack });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST', field: 'X-Rack' });
    }
  });
});

describe('what an unclean election lost', () => {
  test('is an answer without records that says where to go on', async () => {
    const call = callerOf(await afterUncleanElection());
    const answer = await call('records?offset=1&max_bytes=1');
    expect(await answer.json()).toMatchObject({ records: [], next_offset: 2 });
    const lines = await call('records?offset=1&max_bytes=1', { accept: 'application/x-ndjson' });
    expect(await lines.text()).toBe('');
    expect(lines.headers.get('millrace-next-offset')).toBe('2');
  });

  test('is not asked for again by a client that comes back to a tail that cannot stream', async () => {
    const call = callerOf(await afterUncleanElection(), false);
    let id = '0';
    const data: string[] = [];
    let steps = 0;
    for (; id !== '3' && steps < 10; steps++) {
      const answer = await call('records?offset=0&max_bytes=1', { accept: 'text/event-stream', 'last-event-id': id });
      const text = await answer.text();
      data.push(...Array.from(text.matchAll(/^data: (.*)$/gm), ([, json]) => json as string));
      id = Array.from(text.matchAll(/^id: (\d+)$/gm), ([, found]) => found as string).at(-1) ?? id;
    }
    expect(steps).toBe(3);
    expect(data).toHaveLength(1);
    expect(data[0]).toContain('"offset":3');
  });

  test('is passed over by a live tail, with an id but no event', async () => {
    const world = await afterUncleanElection();
    const answer = await callerOf(world)('records?offset=earliest&max_records=2', { accept: 'text/event-stream' });
    const text = await answer.text();
    expect(Array.from(text.matchAll(/^id: (\d+)\n(data)?/gm), ([, id, event]) => [id, event])).toEqual([
      ['0', 'data'],
      ['3', 'data'],
    ]);
    const rest = await callerOf(world, false)('records?offset=1&max_bytes=1', { accept: 'text/event-stream' });
    expect(await rest.text()).toMatch(/^id: 1\n\nretry: \d+\n\n$/);
  });
});
