import { duplexPair } from 'node:stream';
import { expect, it } from 'vitest';
import { WireFormatError } from '../../../lib/kafka/codec/wire-format-error.ts';
import { Budget } from '../../../lib/kafka/connection/budget.ts';
import { Connection, type ConnectionOptions } from '../../../lib/kafka/connection/connection.ts';
import { concatBytes, utf8 } from '../../../lib/kernel/bytes.ts';
import { kafkaLimits } from '../../../lib/kernel/limits/kafka.ts';
import { KIB, MIB } from '../../../lib/kernel/limits/sizes.ts';
import { idle, ManualClock } from '../../support/manual-clock.ts';
import { framed } from '../support/kafka-test-client.ts';

type Serve = ConnectionOptions['serve'];
type Serving = Parameters<Serve>[1];

interface Begun extends Serving {
  text: string;
  answer: (text: string | undefined) => void;
  refuse: (error: Error) => void;
}

const budgets = (requests = 128 * MIB, answers = 128 * MIB) => ({
  requests: new Budget(requests),
  strangers: new Budget(MIB),
  answers: new Budget(answers),
});

/** A connection whose requests are texts, answered by the test; `far` is the client's end. */
function connected(options: Partial<ConnectionOptions> = {}) {
  const [far, near] = duplexPair();
  const clock = new ManualClock();
  const begun: Begun[] = [];
  const failures: unknown[] = [];
  const serve: Serve = (frame, serving) => {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array[] | undefined>();
    const answer = (text: string | undefined) => resolve(text === undefined ? undefined : [utf8(text)]);
    begun.push({ ...serving, text: Buffer.from(frame).toString(), answer, refuse: reject });
    return promise;
  };
  const connection = new Connection({
    socket: near,
    clock,
    budgets: budgets(),
    frameBytesMax: () => kafkaLimits.kafkaFrameBytesMax,
    serve,
    failed: (error) => void failures.push(error),
    ...options,
  });
  const send = (...texts: string[]) => void far.write(concatBytes(texts.map((text) => framed(utf8(text)))));
  let received = '';
  /** All that the client has been sent, read only now. */
  const read = async () => {
    await idle();
    for (let chunk = far.read() as Buffer | null; chunk !== null; chunk = far.read() as Buffer | null) {
      received += chunk.toString();
      await idle();
    }
    return received;
  };
  const texts = () => begun.map(({ text }) => text);
  return { connection, near, far, clock, begun, texts, failures, send, read };
}

const request = (begun: readonly Begun[], at: number): Begun => {
  const found = begun[at];
  if (found === undefined) throw new Error(`no request ${at} has begun`);
  return found;
};

it('begins a request only when the one before it is answered', async () => {
  const { begun, texts, send } = connected();
  send('a', 'b');
  await idle();
  expect(texts()).toEqual(['a']);
  request(begun, 0).answer('A');
  await idle();
  expect(texts()).toEqual(['a', 'b']);
});

it('begins the next request as soon as the one before is accepted, and still answers in order', async () => {
  const { begun, texts, send, read } = connected();
  send('a', 'b', 'c');
  await idle();
  request(begun, 0).accepted();
  request(begun, 1).accepted();
  expect(texts()).toEqual(['a', 'b', 'c']);
  request(begun, 2).answer('C');
  request(begun, 1).answer('B');
  expect(await read()).toBe('');
  request(begun, 0).answer('A');
  expect(await read()).toBe('ABC');
});

it('takes it as nothing that a request is accepted twice, or after its answer', async () => {
  const { begun, texts, send } = connected();
  send('a', 'b', 'c');
  await idle();
  const first = request(begun, 0);
  first.accepted();
  first.accepted();
  first.answer('A');
  await idle();
  first.accepted();
  expect(texts()).toEqual(['a', 'b']);
});

it('passes over a request without an answer', async () => {
  const { begun, send, read } = connected();
  send('a', 'b');
  await idle();
  request(begun, 0).answer(undefined);
  await idle();
  request(begun, 1).answer('B');
  expect(await read()).toBe('B');
});

it('sends the answers before the request that ends the connection', async () => {
  const { begun, near, failures, send, read } = connected();
  send('a', 'b');
  await idle();
  request(begun, 0).accepted();
  const refusal = new WireFormatError('no such API');
  request(begun, 1).refuse(refusal);
  await idle();
  expect(near.destroyed).toBe(false);
  request(begun, 0).answer('A');
  expect(await read()).toBe('A');
  expect(near.destroyed).toBe(true);
  expect(failures).toEqual([refusal]);
});

it('begins no request after one that ends the connection', async () => {
  const { begun, texts, send } = connected();
  send('a', 'b');
  await idle();
  request(begun, 0).refuse(new WireFormatError('no such API'));
  await idle();
  expect(texts()).toEqual(['a']);
});

it('ends the connection at a frame whose size no frame has', async () => {
  const { near, far, failures } = connected();
  far.write(new Uint8Array([0x7f, 0xff, 0xff, 0xff]));
  await idle();
  expect(near.destroyed).toBe(true);
  expect(failures).toHaveLength(1);
});

it('has only so many requests of a client under way', async () => {
  const { begun, texts, send } = connected();
  const max = kafkaLimits.kafkaRequestsInFlightMax;
  send(...Array.from({ length: max + 5 }, (_, index) => String(index)));
  await idle();
  for (let at = 0; at < max; at++) request(begun, at).accepted();
  expect(texts()).toHaveLength(max);
  request(begun, 0).answer('');
  await idle();
  expect(texts()).toHaveLength(max + 1);
});

it('reads little ahead of the request that holds it up, and goes on when it is answered', async () => {
  const { near, far, begun, send } = connected();
  send('a');
  await idle();
  for (let written = 0; written < MIB; written += 16 * KIB) far.write(framed(new Uint8Array(16 * KIB - 4)));
  await idle();
  expect(near.isPaused()).toBe(true);
  expect(far.writableLength).toBeGreaterThan(MIB / 2);
  request(begun, 0).answer('A');
  await idle();
  expect(begun).toHaveLength(2);
});

it('begins no answer while the client has not taken the one before', async () => {
  const { begun, texts, send, read } = connected();
  send('a', 'b', 'c');
  await idle();
  request(begun, 0).answer('A'.repeat(MIB));
  await idle();
  expect(texts()).toEqual(['a']);
  await read();
  await idle();
  expect(texts()).toEqual(['a', 'b']);
});

it('reads a large frame when there is room for it, in the order of asking', async () => {
  const shared = budgets(MIB);
  const one = connected({ budgets: shared });
  const two = connected({ budgets: shared });
  const three = connected({ budgets: shared });
  const large = 'x'.repeat(600 * KIB);
  one.send(large);
  await idle();
  two.send(large);
  await idle();
  three.send('y'.repeat(500 * KIB));
  three.send('small ones wait behind it');
  await idle();
  expect([one.begun.length, two.begun.length, three.begun.length]).toEqual([1, 0, 0]);
  expect(two.near.isPaused()).toBe(true);
  request(one.begun, 0).answer('');
  await idle();
  expect([two.begun.length, three.begun.length]).toEqual([1, 0]);
  two.connection.destroy();
  request(two.begun, 0).answer('');
  await idle();
  expect(three.begun).toHaveLength(1);
});

it('gives the room back that a frame has which never comes', async () => {
  const shared = budgets(MIB);
  const slow = connected({ budgets: shared });
  const other = connected({ budgets: shared });
  slow.far.write(framed(new Uint8Array(MIB)).subarray(0, 10));
  await idle();
  other.send('x'.repeat(100 * KIB));
  await idle();
  expect(other.begun).toHaveLength(0);
  slow.far.destroy();
  slow.near.destroy();
  await idle();
  expect(other.begun).toHaveLength(1);
});

it('lets nobody keep room for a frame that does not come while others wait for it', async () => {
  const shared = budgets(MIB);
  const slow = connected({ budgets: shared });
  slow.far.write(framed(new Uint8Array(MIB)).subarray(0, 10));
  await slow.clock.advance(kafkaLimits.kafkaContendedMsMax + 1);
  expect(slow.connection.isOverdue()).toBe(false);
  const other = connected({ budgets: shared });
  other.send('x'.repeat(100 * KIB));
  await idle();
  expect(slow.connection.isOverdue()).toBe(true);
  expect(other.connection.isOverdue()).toBe(false);
});

it('lets nobody wait for clients that have yet to say who they are, and them for each other', async () => {
  const shared = budgets(MIB);
  const isStranger = () => true;
  const strangers = [1, 2].map(() => connected({ budgets: shared, isStranger }));
  for (const { far } of strangers) far.write(framed(new Uint8Array(MIB)).subarray(0, 10));
  await idle();
  expect(shared.strangers.isContended).toBe(true);
  const other = connected({ budgets: shared, isStranger: () => false });
  other.send('x'.repeat(MIB));
  await idle();
  expect(other.begun).toHaveLength(1);
  strangers[0]?.connection.destroy();
  await idle();
  expect(shared.strangers.isContended).toBe(false);
});

it('gives room back to where it was from, who its client has become meanwhile', async () => {
  const shared = budgets(MIB);
  const client = { isStranger: true };
  const { begun, send } = connected({ budgets: shared, isStranger: () => client.isStranger });
  send('x'.repeat(MIB));
  await idle();
  client.isStranger = false;
  request(begun, 0).answer('');
  await idle();
  expect(shared.strangers.takeNow(MIB)).toBe(true);
  expect(shared.requests.takeNow(MIB)).toBe(true);
});

it('keeps who sends a large frame at a good rate while others wait, and not who stops in the midst of it', async () => {
  const shared = budgets(32 * MIB);
  const clock = new ManualClock();
  const [steady, stopping] = [connected({ budgets: shared, clock }), connected({ budgets: shared, clock })];
  for (const { far } of [steady, stopping]) far.write(framed(new Uint8Array(16 * MIB)).subarray(0, 10));
  connected({ budgets: shared, clock }).send('x'.repeat(100 * KIB));
  await idle();
  expect(shared.requests.isContended).toBe(true);
  for (let seconds = 0; seconds < 4; seconds++) {
    steady.far.write(new Uint8Array(MIB));
    if (seconds === 0) stopping.far.write(new Uint8Array(100 * KIB));
    await clock.advance(1_000);
  }
  expect(steady.connection.isOverdue()).toBe(false);
  expect(stopping.connection.isOverdue()).toBe(true);
});

it('is overdue at a frame that takes too long, however steadily it trickles', async () => {
  const { connection, far, clock } = connected();
  const frame = framed(new Uint8Array(100));
  for (const byte of frame.subarray(0, 13)) {
    far.write(new Uint8Array([byte]));
    await clock.advance(kafkaLimits.kafkaFrameMsMax / 12);
  }
  expect(connection.isOverdue()).toBe(true);
});

it('does not take the time against a client in which its frame had to wait', async () => {
  const shared = budgets(MIB);
  const clock = new ManualClock();
  const one = connected({ budgets: shared, clock });
  const two = connected({ budgets: shared, clock });
  one.send('x'.repeat(MIB));
  await idle();
  two.far.write(framed(new Uint8Array(MIB)).subarray(0, 10));
  await clock.advance(2 * kafkaLimits.kafkaFrameMsMax);
  expect(two.connection.isOverdue()).toBe(false);
  request(one.begun, 0).answer('');
  await clock.advance(kafkaLimits.kafkaFrameMsMax - 1);
  expect(two.connection.isOverdue()).toBe(false);
  await clock.advance(2);
  expect(two.connection.isOverdue()).toBe(true);
});

it('is overdue when nothing happens on it, but not while it answers', async () => {
  const { connection, clock, begun, send } = connected();
  send('a');
  await clock.advance(kafkaLimits.kafkaIdleMsMax + 1);
  expect(connection.isOverdue()).toBe(false);
  request(begun, 0).answer('A');
  await idle();
  expect(connection.isOverdue()).toBe(false);
  await clock.advance(kafkaLimits.kafkaIdleMsMax + 1);
  expect(connection.isOverdue()).toBe(true);
});

it('is overdue when its client does not take an answer, sooner where others wait for room', async () => {
  const shared = budgets(MIB, MIB);
  const { connection, clock, begun, send } = connected({ budgets: shared });
  send('a');
  await idle();
  expect(await request(begun, 0).roomForAnswer(MIB)).toBe(true);
  request(begun, 0).answer('A'.repeat(MIB));
  await clock.advance(kafkaLimits.kafkaContendedMsMax + 1);
  expect(connection.isOverdue()).toBe(false);
  const other = connected({ budgets: shared });
  other.send('a');
  await idle();
  const room = request(other.begun, 0).roomForAnswer(MIB);
  expect(connection.isOverdue()).toBe(true);
  connection.destroy();
  expect(await room).toBe(true);
});

it('has room for an answer until the client has taken it', async () => {
  const shared = budgets(MIB, MIB);
  const one = connected({ budgets: shared });
  const two = connected({ budgets: shared });
  for (const { send } of [one, two]) send('a');
  await idle();
  await request(one.begun, 0).roomForAnswer(MIB);
  let granted = false;
  void request(two.begun, 0)
    .roomForAnswer(MIB)
    .then(() => {
      granted = true;
    });
  request(one.begun, 0).answer('A'.repeat(MIB));
  await idle();
  expect(granted).toBe(false);
  await one.read();
  await idle();
  expect(granted).toBe(true);
});

it('has no room for the answer to who has gone', async () => {
  const shared = budgets(MIB, MIB);
  const one = connected({ budgets: shared });
  const two = connected({ budgets: shared });
  for (const { send } of [one, two]) send('a');
  await idle();
  await request(one.begun, 0).roomForAnswer(MIB);
  const room = request(two.begun, 0).roomForAnswer(MIB);
  two.connection.destroy();
  expect(await room).toBe(false);
  expect(shared.answers.isContended).toBe(false);
});

it('tells the request under way when its client has gone', async () => {
  const { near, begun, send } = connected();
  send('a');
  await idle();
  near.destroy();
  await idle();
  expect(request(begun, 0).signal.aborted).toBe(true);
});

it('drains: begins nothing more, ends long waits, and closes after the last answer', async () => {
  const { connection, near, begun, texts, send, read } = connected();
  send('a', 'b');
  await idle();
  connection.drain();
  expect(request(begun, 0).signal.aborted).toBe(true);
  await idle();
  expect(near.writableEnded).toBe(false);
  request(begun, 0).answer('A');
  expect(await read()).toBe('A');
  expect(near.writableEnded).toBe(true);
  expect(texts()).toEqual(['a']);
});

it('closes with the answer of a request that hangs up', async () => {
  const { near, begun, texts, send, read } = connected();
  send('a', 'b');
  await idle();
  request(begun, 0).hangUp();
  request(begun, 0).answer('A');
  expect(await read()).toBe('A');
  expect(near.writableEnded).toBe(true);
  expect(texts()).toEqual(['a']);
});
