import { describe, expect, it } from 'vitest';
import { createClient } from '../../lib/client/client.ts';
import { httpWorld } from '../support/http-world.ts';

async function world() {
  const { app } = httpWorld();
  const requests: string[] = [];
  let lostAnswers = 0;
  const client = createClient({
    url: 'http://localhost',
    attemptsMax: 2,
    fetch: async (url, init) => {
      requests.push(init?.method ?? 'GET');
      const answer = await app.fetch(new Request(url, init));
      if (lostAnswers-- > 0) throw new TypeError('fetch failed');
      return answer;
    },
  });
  await client.topics.create('orders', { partitions: 2 });
  await client.produce(
    'orders',
    [1, 2, 3, 4].map((later) => ({ value: later, partition: later % 2, timestamp: 1_700_000_000_000 + later })),
  );
  requests.length = 0;
  return { client, requests, loseAnswers: (count: number) => (lostAnswers = count) };
}

describe('deleting records', () => {
  it('has an outcome for each partition', async () => {
    const { client } = await world();
    const deletions = [
      { partition: 0, beforeOffset: 1 },
      { partition: 1, beforeOffset: 3 },
    ];
    expect(await client.topics.deleteRecords('orders', deletions)).toMatchObject([
      { partition: 0, logStartOffset: 1 },
      { partition: 1, error: { code: 'OFFSET_OUT_OF_RANGE', facts: { logStartOffset: 0, highWatermark: 2 } } },
    ]);
  });

  it('takes times, and the end', async () => {
    const { client } = await world();
    const deletions = [
      { partition: 0, beforeOffset: 'latest' },
      { partition: 1, beforeTimestamp: 1_700_000_000_002 },
    ] as const;
    expect(await client.topics.deleteRecords('orders', deletions)).toEqual([
      { partition: 0, logStartOffset: 2 },
      { partition: 1, logStartOffset: 1 },
    ]);
  });

  it('throws where all fail for one reason', async () => {
    const { client } = await world();
    const beyond = client.topics.deleteRecords('orders', [{ partition: 0, beforeOffset: 9 }]);
    await expect(beyond).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', status: 416 });
  });

  it('is asked for again after a lost answer, but not where the end is meant: it may have moved', async () => {
    const { client, requests, loseAnswers } = await world();
    loseAnswers(1);
    expect(await client.topics.deleteRecords('orders', [{ partition: 0, beforeOffset: 1 }])).toEqual([
      { partition: 0, logStartOffset: 1 },
    ]);
    expect(requests).toEqual(['DELETE', 'DELETE']);
    loseAnswers(1);
    const latest = client.topics.deleteRecords('orders', [{ partition: 0, beforeOffset: 'latest' }]);
    await expect(latest).rejects.toMatchObject({ code: 'NETWORK_ERROR', effect: 'unknown' });
    expect(requests).toHaveLength(3);
  });
});
