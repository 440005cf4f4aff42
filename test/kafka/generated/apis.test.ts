import { expect, it } from 'vitest';
import { WireReader } from '../../../lib/kafka/codec/reader.ts';
import { WireFormatError } from '../../../lib/kafka/codec/wire-format-error.ts';
import { WireWriter } from '../../../lib/kafka/codec/writer.ts';
import { type ApiName, apis } from '../../../lib/kafka/generated/apis.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { ShortTurns } from '../../support/short-turns.ts';
import { arbitraryMessage } from '../support/arbitrary-message.ts';

const RUNS = 40;

interface Codec {
  name: string;
  versions: number[];
  decode: (reader: WireReader, version: number) => unknown;
  encode: (writer: WireWriter, version: number, message: never) => void;
}

const codecs: Codec[] = (Object.keys(apis) as ApiName[]).flatMap((name) => {
  const { lowest, highest, decodeRequest, encodeRequest, decodeResponse, encodeResponse } = apis[name];
  const versions = Array.from({ length: highest - lowest + 1 }, (_, index) => lowest + index);
  return [
    { name: `${name} requests`, versions, decode: decodeRequest, encode: encodeRequest },
    { name: `${name} responses`, versions, decode: decodeResponse, encode: encodeResponse },
  ];
});

function encoded({ encode }: Codec, version: number, message: unknown): Uint8Array {
  const writer = new WireWriter();
  encode(writer, version, message as never);
  return concatBytes(writer.take());
}

/** Each with its version and bytes, always the same ones. */
function* examples(codec: Codec, runs: number) {
  const random = seededRandom(7);
  for (const version of codec.versions) {
    for (let run = 0; run < runs; run++) {
      const message = arbitraryMessage(codec.decode, version, random);
      yield { version, message, bytes: encoded(codec, version, message) };
    }
  }
}

it.each(codecs)('$name come back as they were written, in every version', (codec) => {
  for (const { version, message, bytes } of examples(codec, RUNS)) {
    const reader = new WireReader(bytes);
    const found = codec.decode(reader, version);
    expect(reader.remaining).toBe(0);
    expect(withPlainBytes(found)).toEqual(withPlainBytes(message));
  }
});

it.each(codecs)('$name are the same where long arrays are written with breaks', async (codec) => {
  const { encode } = codec;
  for (const { version, message, bytes } of examples(codec, 3)) {
    const writer = new WireWriter(1);
    encode(writer, version, message as never);
    expect(concatBytes(await writer.takeInTurns(new ShortTurns()))).toEqual(bytes);
  }
});

it.each(codecs)('$name that are cut off are refused, wherever they are cut', (codec) => {
  for (const { version, bytes } of examples(codec, 2)) {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => codec.decode(new WireReader(bytes.subarray(0, length)), version)).toThrow(WireFormatError);
    }
  }
});

it.each(codecs)('$name with any byte changed are decoded or refused, and nothing else', (codec) => {
  const random = seededRandom(8);
  for (const { version, bytes } of examples(codec, 10)) {
    if (bytes.length === 0) continue;
    const at = Math.floor(random.fraction() * bytes.length);
    bytes[at] = Math.floor(random.fraction() * 256);
    expect(['decoded', 'refused']).toContain(outcome(() => codec.decode(new WireReader(bytes), version)));
  }
});

function outcome(decode: () => unknown): unknown {
  try {
    decode();
    return 'decoded';
  } catch (error) {
    return error instanceof WireFormatError ? 'refused' : error;
  }
}

/** Buffers and other byte arrays are the same to whoever reads them. */
function withPlainBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(withPlainBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withPlainBytes(inner)]));
}
