/**
 * A gateway under nonsense: whatever comes, the connection it came by is answered as Kafka would or closed, nobody else
 * notices, and nothing of it stays in memory; with and without clients having to say who they are. The same seed always
 * sends the same. `FUZZ_ROUNDS` and `FUZZ_SEED` send more, and other things.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { createAuthenticator } from '../../lib/broker/keys/authenticate.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { WireWriter } from '../../lib/kafka/codec/writer.ts';
import { type ApiName, apis } from '../../lib/kafka/generated/apis.ts';
import { served } from '../../lib/kafka/served-apis.ts';
import { concatBytes, utf8 } from '../../lib/kernel/bytes.ts';
import { crc32c } from '../../lib/kernel/crc32c.ts';
import { MIB } from '../../lib/kernel/limits/sizes.ts';
import { type Random, randomBelow, seededRandom } from '../../lib/kernel/random.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { batchOf, record } from '../support/broker.ts';
import { turn } from '../support/passing-time.ts';
import { arbitraryMessage } from './support/arbitrary-message.ts';
import { type GatewayWorld, gatewayWorld, memoryBroker } from './support/gateway-world.ts';
import { framed, type KafkaTestClient, requestFrame } from './support/kafka-test-client.ts';

const NAMES = Object.keys(served) as ApiName[];
/** What an answer that needs no time may take. */
const TURNS = 12;
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 10);
const SEED = Number(process.env['FUZZ_SEED'] ?? 0);
/** As long as one round may take on a machine that does something else; a second is usual for ten. */
const ROUND_MS_MAX = 2_000;
const TOPIC = 'witness';
const OTHER_TOPIC = 'victim';

type Attack = (random: Random) => Uint8Array;

const someBytes = (random: Random, max: number) => random.bytes(randomBelow(random, max));

function pick<Element>(random: Random, list: readonly Element[]): Element {
  return list[randomBelow(random, list.length)] as Element;
}

/** A request with any values in its fields, as its codec writes it. */
function wellFormed(random: Random): Uint8Array {
  const name = pick(random, NAMES);
  const { lowest, highest } = served[name] ?? apis[name];
  const version = lowest + randomBelow(random, highest - lowest + 1);
  const body = arbitraryMessage(apis[name].decodeRequest as never, version, random);
  return requestFrame({ name, version, correlationId: randomBelow(random, 1_000), clientId: 'fuzz' }, body as never);
}

function header(key: number, version: number): Uint8Array {
  const writer = new WireWriter();
  writer.int16(key);
  writer.int16(version);
  writer.int32(1);
  writer.string(null, false);
  return concatBytes(writer.take());
}

function lyingSize(random: Random): Uint8Array {
  const frame = wellFormed(random);
  new DataView(frame.buffer, frame.byteOffset).setInt32(0, randomBelow(random, 2 ** 32) | 0);
  return frame;
}

/** Some bytes changed, some taken out or put in, with or without the right size before them. */
function mutated(random: Random): Uint8Array {
  let body: Uint8Array = wellFormed(random).slice(4);
  for (let count = 1 + randomBelow(random, 4); count > 0 && body.length > 0; count--) {
    const at = randomBelow(random, body.length);
    const kind = randomBelow(random, 4);
    if (kind === 0) body[at] = randomBelow(random, 256);
    else if (kind === 1) body[at] = pick(random, [0, 1, 0x7f, 0x80, 0xff]);
    else if (kind === 2) body = concatBytes([body.slice(0, at), body.slice(at + 1 + randomBelow(random, 8))]);
    else body = concatBytes([body.slice(0, at), someBytes(random, 8), body.slice(at)]);
  }
  return framed(body);
}

/** Where a batch has its checksum, and what it is of. */
const CHECKSUM_AT = 17;
const CHECKED_FROM = 21;

/**
 * Batches changed anywhere, most of them with the right checksum, so that more than it is looked at; also compressed
 * ones.
 */
function batches(random: Random): Uint8Array {
  const compressionType = pick(random, ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const);
  const sequence = { producerId: 1n, producerEpoch: 0, baseSequence: randomBelow(random, 3) };
  const made = [record('some value', { key: utf8('k'), headers: [{ key: 'h', value: utf8('v') }] }), record('another')];
  const options = { compressionType, compression: nodeCompression, ...(random.fraction() < 0.5 && sequence) };
  const batch = encodeBatch(made, options).slice();
  for (let count = randomBelow(random, 4); count > 0; count--)
    batch[randomBelow(random, batch.length)] = randomBelow(random, 256);
  if (random.fraction() < 0.8) new DataView(batch.buffer).setUint32(CHECKSUM_AT, crc32c(batch.subarray(CHECKED_FROM)));
  const records = random.fraction() < 0.9 ? batch : batch.subarray(0, randomBelow(random, batch.length));
  const body = {
    transactionalId: null,
    acks: pick(random, [-1, 0, 1]),
    timeoutMs: 1_000,
    topicData: [{ name: OTHER_TOPIC, partitionData: [{ index: 0, records }] }],
  };
  return requestFrame({ name: 'Produce', version: 9, correlationId: 1, clientId: null }, body);
}

const attacks: Record<string, Attack> = {
  'random bytes': (random) => someBytes(random, 2_000),
  'frames of random bytes': (random) => framed(someBytes(random, 2_000)),
  'sizes that lie': lyingSize,
  'requests of unknown APIs and versions': (random) =>
    framed(concatBytes([header(randomBelow(random, 200) - 50, randomBelow(random, 50) - 10), someBytes(random, 200)])),
  'requests with any values in their fields': wellFormed,
  'requests with wrong bytes': mutated,
  'batches with wrong bytes': batches,
  'requests that are cut off': (random) => {
    const frame = wellFormed(random);
    return frame.subarray(0, randomBelow(random, frame.length));
  },
  'several requests at once': (random) =>
    concatBytes(Array.from({ length: 5 }, () => (random.fraction() < 0.5 ? wellFormed(random) : mutated(random)))),
};

interface AttackedWorld extends GatewayWorld {
  /** As somebody, where the gateway asks. */
  connectAsSomebody: () => Promise<KafkaTestClient>;
}

async function openWorld(asks: boolean): Promise<AttackedWorld> {
  const broker = memoryBroker();
  const authenticator = createAuthenticator({ broker, staticKeys: [{ id: 'admin', secret: 'secret' }] });
  const world = await gatewayWorld({ broker, ...(asks && { authenticator }) });
  const connectAsSomebody = async () => {
    const client = await world.connect();
    if (!asks) return client;
    await client.request('SaslHandshake', 1, { mechanism: 'PLAIN' });
    const { errorCode } = await client.request('SaslAuthenticate', 2, { authBytes: utf8('\0admin\0secret') });
    expect(errorCode).toBe(0);
    return client;
  };
  return { ...world, connectAsSomebody };
}

/** Sends it, waits a little for an answer, and goes. Whether there was one. */
async function attack(connect: () => Promise<KafkaTestClient>, bytes: Uint8Array): Promise<boolean> {
  const client = await connect();
  const readBefore = client.socket.bytesRead;
  client.socket.removeAllListeners('data');
  const state = { isOver: false };
  const over = () => {
    state.isOver = true;
  };
  client.socket.once('data', over);
  void client.closed.then(over);
  client.sendBytes(bytes);
  for (let turns = 0; turns < TURNS && !state.isOver; turns++) await turn();
  client.socket.end();
  client.socket.resume();
  await client.closed;
  return client.socket.bytesRead > readBefore;
}

/** That a client on a connection of its own writes and reads, as if nobody else were there. */
async function witness(client: KafkaTestClient, offset: number): Promise<void> {
  const written = await client.request('Produce', 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: batchOf(`${offset}`) }] }],
  });
  expect(written.responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: BigInt(offset) });
  const partitions = [{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: MIB }];
  const read = await client.request('Fetch', 12, { maxWaitMs: 0, minBytes: 1, topics: [{ topic: TOPIC, partitions }] });
  expect(read.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: BigInt(offset + 1) });
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function memory(): number {
  // Once more, since the memory of buffers that the first has found is given back after it.
  for (let times = 0; times < 2; times++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe.each([
  { what: 'that asks nobody', asks: false },
  { what: 'that asks who clients are', asks: true },
])('a gateway $what', ({ asks }) => {
  it('answers most requests that are well-formed, whatever they ask for', async () => {
    const { connectAsSomebody } = await openWorld(asks);
    const random = seededRandom(SEED + 3);
    let answered = 0;
    for (let count = 0; count < 100; count++) {
      if (await attack(connectAsSomebody, wellFormed(random))) answered += 1;
    }
    expect(answered).toBeGreaterThan(60);
  });

  it.each(Object.entries(attacks))('survives %s', { timeout: ROUNDS * ROUND_MS_MAX }, async (name, next) => {
    const world = await openWorld(asks);
    for (const topic of [TOPIC, OTHER_TOPIC]) await createTopic(world.broker, { name: topic, partitions: 1 });
    const client = await world.connectAsSomebody();
    const random = seededRandom(SEED + name.length);
    await witness(client, 0);
    const before = memory();
    for (let round = 1; round <= ROUNDS; round++) {
      // Strangers have other ways in, where the gateway asks: every third one is none.
      for (let count = 0; count < 15; count++) {
        await attack(asks && count % 3 > 0 ? world.connectAsSomebody : world.connect, next(random));
      }
      await witness(client, round);
    }
    expect(world.logged.filter(({ level }) => level === 'error')).toEqual([]);
    expect(memory() - before).toBeLessThan(40 * MIB);
  });
});
