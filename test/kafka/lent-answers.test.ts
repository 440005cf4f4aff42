/**
 * Records go to the socket from the memory of a cache, which is given back when cache and socket are done with it. The
 * cache here holds next to nothing, and clients take their time: what is given back too early, they see.
 */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, it, vi } from 'vitest';
import { produceBatches } from '../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { concatBytes, toHex } from '../../lib/kernel/bytes.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { batchHeaders, checkBatchChecksum } from '../../lib/log/record-batch/header.ts';
import { batchOf } from '../support/broker.ts';
import { certificate } from '../support/certificates.ts';
import { gatewayWorld, memoryBroker } from './support/gateway-world.ts';
import { KafkaTestClient } from './support/kafka-test-client.ts';

/** More than the sockets of both sides hold. */
const BATCHES = 18;
const BATCH_BYTES = 900_000;
const CACHE_BYTES = 2 * BATCH_BYTES;

afterEach(() => {
  vi.restoreAllMocks();
});

async function written() {
  const random = seededRandom(1);
  const broker = memoryBroker(undefined, { cacheBytes: CACHE_BYTES });
  await createTopic(broker, { name: 't', partitions: 1 });
  for (let at = 0; at < BATCHES; at++) {
    const value = toHex(random.bytes(BATCH_BYTES / 2));
    await produceBatches(broker, { topic: 't', partition: 0, batches: batchOf(value), acks: 'all' });
  }
  return broker;
}

/** The base offsets of what there is from the offset on; every batch has the checksum that it was written with. */
async function offsetsFrom(client: KafkaTestClient, offset: number): Promise<number[]> {
  const { responses } = await client.request('Fetch', 12, {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [
      { topic: 't', partitions: [{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: 50 * BATCH_BYTES }] },
    ],
  });
  const records = concatBytes([responses[0]?.partitions[0]?.records as Uint8Array]);
  return [...batchHeaders(records)].map(({ position, baseOffset }) => {
    checkBatchChecksum(records, position);
    return baseOffset;
  });
}

const offsetsSince = (offset: number) => Array.from({ length: BATCHES - offset }, (_, at) => offset + at);

it.each(['in the clear', 'in TLS'])('gives its memory back no sooner than the client has taken it, %s', async (how) => {
  const broker = await written();
  const { port } = await gatewayWorld({ broker, ...(how === 'in TLS' && { tls: certificate('server') }) });
  const open = async () => {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
    const socket = how === 'in TLS' ? connectTls(options) : connect(options);
    await new Promise((resolve) => socket.once(how === 'in TLS' ? 'secureConnect' : 'connect', resolve));
    return new KafkaTestClient(socket);
  };
  const [slow, gone, quick] = await Promise.all([open(), open(), open()]);
  const released = vi.spyOn(ArrayBuffer.prototype, 'transfer');
  for (const { socket } of [slow, gone]) socket.pause();
  const taken = offsetsFrom(slow, 0);
  const lost = offsetsFrom(gone, 1).catch(() => 'lost');
  for (const offset of [0, 5, 10]) expect(await offsetsFrom(quick, offset)).toEqual(offsetsSince(offset));
  gone.destroy();
  expect(await offsetsFrom(quick, 3)).toEqual(offsetsSince(3));
  slow.socket.resume();
  expect(await taken).toEqual(offsetsSince(0));
  expect(await lost).toBe('lost');
  expect(released.mock.calls.length).toBeGreaterThan(3 * BATCHES);
});
