/** Texts as no honest client has them: what of them is told again in an answer fits it, or they are refused. */
import { expect, it } from 'vitest';
import { concatBytes } from '../../lib/kernel/bytes.ts';
import { gatewayWorld } from './support/gateway-world.ts';
import { framed, requestFrame } from './support/kafka-test-client.ts';

const LONGEST = 0x7fff;

/** The request for metadata of one topic, in the first version, with these bytes as its name. */
function metadataOf(name: Uint8Array): Uint8Array {
  const request = requestFrame(
    { name: 'Metadata', version: 0, correlationId: 0, clientId: null },
    { topics: [{ name: '' }] },
  );
  const length = new Uint8Array(2);
  new DataView(length.buffer).setInt16(0, name.length);
  return framed(concatBytes([request.subarray(4, -2), length, name]));
}

it.each([
  ['as long as they can be', new Uint8Array(LONGEST).fill(0x78)],
  ['that are not UTF-8', Uint8Array.of(0x61, 0xed, 0xa0, 0x80)],
  ['with a NUL', Uint8Array.of(0x61, 0, 0x62)],
])('answers texts %s', async (_what, name) => {
  const { connect, logged } = await gatewayWorld();
  const client = await connect();
  const answer = client.answer();
  client.sendBytes(metadataOf(name));
  expect((await answer).length).toBeGreaterThan(name.length);
  expect(logged.filter(({ level }) => level === 'error')).toEqual([]);
});

it('closes the connection for texts that would outgrow an answer, and takes it for no fault of its own', async () => {
  const { connect, logged } = await gatewayWorld();
  const client = await connect();
  client.sendBytes(metadataOf(new Uint8Array(LONGEST).fill(0xff)));
  await client.closed;
  expect(logged.map(({ level }) => level)).toEqual(['info']);
});
