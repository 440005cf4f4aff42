import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { Outbox } from '../../../lib/kafka/connection/outbox.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { idle, ManualClock } from '../../support/manual-clock.ts';

/** An outbox, and what its socket was given by each call. */
function made() {
  const calls: string[] = [];
  const socket = new Duplex({
    read() {},
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()).join(''));
      done();
    },
    write(chunk: Buffer, _encoding, done) {
      calls.push(chunk.toString());
      done();
    },
  });
  return { outbox: new Outbox(socket, new ManualClock()), calls, socket };
}

it('gives answers that are ready at the same time to the socket at once', async () => {
  const { outbox, calls } = made();
  const [first, second, third] = [
    Promise.withResolvers<Uint8Array[]>(),
    Promise.withResolvers<Uint8Array[]>(),
    Promise.withResolvers<Uint8Array[]>(),
  ];
  const sent = [first, second, third].map(({ promise }) => outbox.send(promise));
  second.resolve([utf8('c'), utf8('d')]);
  first.resolve([utf8('a'), utf8('b')]);
  await idle();
  expect(calls).toEqual(['abcd']);
  third.resolve([utf8('e')]);
  await Promise.all(sent);
  await idle();
  expect(calls).toEqual(['abcd', 'e']);
});

it('sends what is ready before it says that there will be no answer', async () => {
  const { outbox, calls, socket } = made();
  const [first, second] = [Promise.withResolvers<Uint8Array[]>(), Promise.withResolvers<Uint8Array[]>()];
  void outbox.send(first.promise);
  const ended = outbox.send(second.promise).catch(() => socket.destroy());
  first.resolve([utf8('a')]);
  second.reject(new Error('no answer'));
  await ended;
  expect(calls).toEqual(['a']);
});

it('says when the socket needs nothing of an answer any more', async () => {
  const writes: (() => void)[] = [];
  const socket = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      writes.push(done);
    },
  });
  const outbox = new Outbox(socket, new ManualClock());
  const left: string[] = [];
  void outbox.send(Promise.resolve([utf8('a'), utf8('b')]), () => left.push('first'));
  void outbox.send(Promise.resolve([utf8('c')]), () => left.push('second'));
  for (const expected of [[], [], ['first'], ['first', 'second']]) {
    await idle();
    expect(left).toEqual(expected);
    writes.shift()?.();
  }
  expect(writes).toEqual([]);
});

it('says so of an answer that the socket took no more than a part of', async () => {
  let end = () => {};
  const socket = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      end = done;
    },
  });
  const outbox = new Outbox(socket, new ManualClock());
  const left: string[] = [];
  socket.on('error', () => {});
  void outbox.send(Promise.resolve([utf8('a'), utf8('b')]), () => left.push('left'));
  await idle();
  expect(left).toEqual([]);
  socket.destroy(new Error('gone'));
  await idle();
  expect(left).toEqual([]);
  end();
  await idle();
  expect(left).toEqual(['left']);
});
