import { beforeEach, describe, expect, it } from 'vitest';
import { type Transactions, transactions } from '../../lib/client/transaction.ts';
import { createTransport, type Transport } from '../../lib/client/transport.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { impatientClock } from '../support/scripted-server.ts';

type Step = 'lost-request' | 'lost-answer' | 'unavailable' | 'refused' | undefined;

interface Request {
  epoch: number;
  number: number;
  body: { transactional_id: string; records: { topic: string; value: string }[]; offsets?: unknown };
}

/** Of a transactional id, the newest epoch and number, −1 before any, and the answer of that one. */
let committed: Map<string, { epoch: number; number: number; answer: string }>;
let log: string[];
let requests: Request[];
let steps: Step[];
let send: Transport;
let transaction: Transactions['run'];
let takeOver: Transactions['takeOver'];

function problem(status: number, code: string, retriable: boolean): Response {
  return new Response(JSON.stringify({ status, code, detail: code, retriable, effect: 'none' }), { status });
}

/** The rules of docs/http-api.md: a repeated number gets the first answer, an older epoch 403, a gap 409. */
function commit({ epoch, number, body }: Request): Response {
  const known = committed.get(body.transactional_id);
  if (known !== undefined && epoch < known.epoch) return problem(403, 'INVALID_PRODUCER_EPOCH', false);
  if (known?.epoch === epoch && known.number === number) return new Response(known.answer);
  const expected = known?.epoch === epoch ? known.number + 1 : 0;
  if (known !== undefined && number !== expected) return problem(409, 'OUT_OF_ORDER_SEQUENCE_NUMBER', false);
  const records = body.records.map(({ topic, value }) => ({
    topic,
    partition: 0,
    offset: log.push(value) - 1,
    timestamp: 1,
  }));
  const answer = JSON.stringify({ records });
  committed.set(body.transactional_id, { epoch, number, answer });
  return new Response(answer);
}

beforeEach(() => {
  committed = new Map();
  log = [];
  requests = [];
  steps = [];
  const clock = impatientClock();
  send = createTransport({
    url: 'http://api.test',
    // The time that a request may take is never over here.
    clock: { ...clock, sleep: (ms, signal) => (signal === undefined ? clock.sleep(ms) : new Promise(() => {})) },
    random: seededRandom(1),
    requestMsMax: 1_000,
    attemptsMax: 3,
    fetch: async (url, init) => {
      const [, id] = /transactions\/([^/]+)\/init$/.exec(new Request(url).url) ?? [];
      if (id !== undefined) {
        const epoch = (committed.get(id)?.epoch ?? -1) + 1;
        committed.set(id, { epoch, number: -1, answer: '' });
        return Response.json({ transactional_id: id, epoch, timeout_ms: 60_000 });
      }
      const headers = new Headers(init?.headers);
      const body = JSON.parse(init?.body as string) as Request['body'];
      const [epoch, number] = [Number(headers.get('producer-epoch')), Number(headers.get('producer-seq'))];
      requests.push({ epoch, number, body });
      const step = steps.shift();
      if (step === 'lost-request') throw new TypeError('fetch failed');
      if (step === 'unavailable') return problem(503, 'KAFKA_STORAGE_ERROR', true);
      if (step === 'refused') return problem(404, 'UNKNOWN_TOPIC_OR_PARTITION', true);
      const answer = commit({ epoch, number, body });
      if (step === 'lost-answer') throw new TypeError('fetch failed');
      return answer;
    },
  });
  ({ run: transaction, takeOver } = transactions(send, seededRandom(2)));
});

const write = (...values: string[]) =>
  transaction(async (tx) => {
    for (const value of values) await tx.send({ topic: 'orders', records: [{ value }] });
  });

describe('a transaction', () => {
  it('goes in one request, with records and offsets, and answers with receipts and what the work returned', async () => {
    const { value, receipts } = await transaction(async (tx) => {
      await tx.send({ topic: 'totals', records: [{ key: 'ada', value: 'a' }] });
      tx.commitOffsets({ group: 'adders', offsets: [{ topic: 'orders', partition: 0, offset: 4 }] });
      await tx.send({ topic: 'audit', records: [{ value: 'b' }] });
      tx.commitOffsets({ group: 'adders', offsets: [{ topic: 'orders', partition: 0, offset: 5 }] });
      return 'done';
    });
    expect(value).toBe('done');
    expect(receipts).toEqual([
      { topic: 'totals', partition: 0, offset: 0, timestamp: 1 },
      { topic: 'audit', partition: 0, offset: 1, timestamp: 1 },
    ]);
    expect(requests.map(({ body }) => body)).toEqual([
      {
        transactional_id: expect.stringMatching(/^[\w-]{22}$/) as string,
        records: [
          { topic: 'totals', key: 'ada', value: 'a' },
          { topic: 'audit', value: 'b' },
        ],
        offsets: { group: 'adders', offsets: [{ topic: 'orders', partition: 0, offset: 5 }] },
      },
    ]);
  });

  it('that throws sends nothing', async () => {
    const work = transaction(async (tx) => {
      await tx.send({ topic: 'orders', records: [{ value: 'a' }] });
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(requests).toEqual([]);
  });

  it('of nothing sends nothing', async () => {
    expect(await transaction(() => 7)).toEqual({ value: 7, receipts: [] });
    expect(requests).toEqual([]);
  });

  it('takes nothing after its end', async () => {
    let late: (() => Promise<void>) | undefined;
    await transaction((tx) => {
      late = () => tx.send({ topic: 'orders', records: [{ value: 'late' }] });
    });
    await expect(late?.()).rejects.toThrow(TypeError);
  });

  it.each([
    ['requestBodyBytesMax', [{ value: 'x'.repeat(4 * 1024 * 1024) }]],
    ['recordsPerRequestMax', Array.from({ length: 10_001 }, () => ({ value: 'x' }))],
  ])('that is too large is refused by the name of the limit: %s', async (limit, records) => {
    const error = await transaction((tx) => tx.send({ topic: 'orders', records })).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'REQUEST_TOO_LARGE', effect: 'none' });
    expect((error as Error).message).toContain(limit);
    expect(requests).toEqual([]);
  });

  it('has offsets of one group', async () => {
    const work = transaction((tx) => {
      for (const group of ['a', 'b']) tx.commitOffsets({ group, offsets: [] });
    });
    await expect(work).rejects.toThrow('one group');
  });

  it('commits what one member has read, of one generation', async () => {
    const offsets = [{ topic: 'orders', partition: 0, offset: 4 }];
    await transaction((tx) => tx.commitOffsets({ group: 'adders', member: 'm-1', generation: 3, offsets }));
    expect(requests[0]?.body.offsets).toEqual({ group: 'adders', member: 'm-1', generation: 3, offsets });
    const mixed = transaction((tx) => {
      for (const generation of [3, 4]) tx.commitOffsets({ group: 'adders', member: 'm-1', generation, offsets });
    });
    await expect(mixed).rejects.toThrow(TypeError);
  });
});

describe('sending again', () => {
  it.each<Step>(['lost-request', 'lost-answer', 'unavailable'])('commits once whatever happened: %s', async (step) => {
    steps = [step];
    await write('a', 'b');
    await write('c');
    expect(log).toEqual(['a', 'b', 'c']);
    expect(requests.map(({ epoch, number }) => [epoch, number])).toEqual([
      [0, 0],
      [0, 0],
      [0, 1],
    ]);
  });

  it('goes on in a new epoch after a transaction that may be committed', async () => {
    await write('a');
    steps = ['lost-answer', 'lost-request', 'unavailable'];
    await expect(write('b')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'unknown' });
    await write('c');
    expect(log).toEqual(['a', 'b', 'c']);
    expect(requests.at(-1)).toMatchObject({ epoch: 1, number: 0 });
  });

  it('uses a number again that was refused', async () => {
    await write('a');
    steps = ['refused'];
    await expect(write('b')).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' });
    await write('c');
    expect(log).toEqual(['a', 'c']);
    expect(requests.at(-1)).toMatchObject({ epoch: 0, number: 1 });
  });
});

it('commits transactions that are begun together one after the other', async () => {
  await Promise.all(['a', 'b', 'c'].map((value) => write(value)));
  expect(log).toEqual(['a', 'b', 'c']);
  expect(requests.map(({ number }) => number)).toEqual([0, 1, 2]);
});

describe('a name', () => {
  const as = (run: Transactions['run'], value: string) =>
    run((tx) => tx.send({ topic: 'orders', records: [{ value }] }), { transactionalId: 'mover' });

  it('is taken over by who uses it last, and whoever had it fails from then on', async () => {
    const [older, newer] = [transaction, transactions(send, seededRandom(3)).run];
    await as(older, 'a');
    await as(newer, 'b');
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(as(older, 'c')).rejects.toMatchObject({ code: 'INVALID_PRODUCER_EPOCH', effect: 'none' });
    }
    await as(newer, 'd');
    expect(log).toEqual(['a', 'b', 'd']);
    expect(requests.map(({ epoch, number }) => [epoch, number]).slice(-1)).toEqual([[1, 1]]);
  });

  it('can be taken over before anything is committed under it', async () => {
    const older = transactions(send, seededRandom(3)).run;
    await as(older, 'a');
    await takeOver('mover');
    await expect(as(older, 'b')).rejects.toMatchObject({ code: 'INVALID_PRODUCER_EPOCH' });
    await as(transaction, 'c');
    expect(log).toEqual(['a', 'c']);
    // The epoch that was asked for is the one that is used.
    expect(requests.at(-1)).toMatchObject({ epoch: 1, number: 0 });
  });

  it('can be taken over anew, after which the older transactions of the same client are over too', async () => {
    await as(transaction, 'a');
    await takeOver('mover');
    await as(transaction, 'b');
    expect(requests.map(({ epoch, number }) => [epoch, number])).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });
});
