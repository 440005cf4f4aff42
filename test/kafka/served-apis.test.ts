import { describe, expect, it } from 'vitest';
import type { Call, ServedApi } from '../../lib/kafka/api.ts';
import { WireReader } from '../../lib/kafka/codec/reader.ts';
import { WireFormatError } from '../../lib/kafka/codec/wire-format-error.ts';
import { WireWriter } from '../../lib/kafka/codec/writer.ts';
import { failureWith } from '../../lib/kafka/failures.ts';
import { type ApiName, apis } from '../../lib/kafka/generated/apis.ts';
import { advertised, served } from '../../lib/kafka/served-apis.ts';
import { concatBytes } from '../../lib/kernel/bytes.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { arbitraryMessage } from './support/arbitrary-message.ts';
import { gatewayWorld } from './support/gateway-world.ts';

const REQUESTS = 20;

const versions = (Object.keys(served) as ApiName[]).flatMap((name) => {
  const { lowest, highest } = served[name] as { lowest: number; highest: number };
  return Array.from({ length: highest - lowest + 1 }, (_, index) => [name, lowest + index] as const);
});

describe('whatever is asked', () => {
  it.each(versions)('%s %i can say that all of it has failed', async (name, version) => {
    const { broker, cluster } = await gatewayWorld();
    const call = { gateway: { broker, cluster }, session: { node: cluster.nodes[0] }, version } as unknown as Call;
    // Any codec and handler stand for all, where the name is not known to the compiler.
    const api = served[name] as unknown as ServedApi<'Heartbeat'>;
    const codec = apis[name] as unknown as (typeof apis)['Heartbeat'];
    const failure = failureWith('KAFKA_STORAGE_ERROR', 'Storage is away.');
    const random = seededRandom(version);
    for (let at = 0; at < REQUESTS; at++) {
      const request = arbitraryMessage(codec.decodeRequest, version, random);
      const writer = new WireWriter();
      try {
        // As it is told to who has used too much.
        codec.encodeResponse(writer, version, { ...api.failed(call, request, failure), throttleTimeMs: 1 });
      } catch (error) {
        // It has no place for the failure.
        if (error instanceof WireFormatError) continue;
        throw error;
      }
      const reader = new WireReader(concatBytes(writer.take()));
      codec.decodeResponse(reader, version);
      expect(reader.remaining).toBe(0);
    }
  });
});

it('advertises what is served, each API once', () => {
  expect(advertised).toHaveLength(Object.keys(served).length);
  expect(new Set(advertised.map(({ apiKey }) => apiKey)).size).toBe(advertised.length);
  for (const { minVersion, maxVersion } of advertised) expect(minVersion).toBeLessThanOrEqual(maxVersion);
});
