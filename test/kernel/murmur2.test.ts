import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { murmur2 } from '../../lib/kernel/murmur2.ts';

/** Kafka's own: `UtilsTest.testMurmur2`. */
const KAFKA = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
};

/** librdkafka's: `unittest_murmur2` in src/rdmurmur2.c, which took them from Java. Unsigned. */
const LIBRDKAFKA = {
  kafka: 0xd067cf64,
  giberish123456789: 0x8f552b0c,
  '1234': 0x9fc97b14,
  '234': 0xe7c009ca,
  '34': 0x873930da,
  '4': 0x5a4b5ca1,
  'PreAmbleWillBeRemoved,ThePrePartThatIs': 0x78424f1c,
  'reAmbleWillBeRemoved,ThePrePartThatIs': 0x4a62b377,
  'eAmbleWillBeRemoved,ThePrePartThatIs': 0xe0e4e09e,
  'AmbleWillBeRemoved,ThePrePartThatIs': 0x62b8b43f,
  '': 0x106e08d9,
};

/** Akka's, made with Kafka's Java code: `Murmur2Spec` in akka-cluster-sharding-typed. One of each length modulo 4. */
const AKKA = { '1': -1993445489, '12': 126087238, '123': -267702483, '1234': -1614185708, '12345': -1188365604 };

describe('murmur2', () => {
  it.each(Object.entries(KAFKA))("equals Kafka's own vector for %j", (key, hash) => {
    expect(murmur2(utf8(key))).toBe(hash);
  });

  it.each(Object.entries(LIBRDKAFKA))("equals librdkafka's vector for %j", (key, hash) => {
    expect(murmur2(utf8(key)) >>> 0).toBe(hash);
  });

  it.each(Object.entries(AKKA))("equals Akka's vector for %j", (key, hash) => {
    expect(murmur2(utf8(key))).toBe(hash);
  });

  it('equals the vector for bytes that are no text, of burdiyan/kafkautil and segmentio/kafka-go', () => {
    expect(murmur2(Uint8Array.of(12, 42, 56, 24, 109, 111))).toBe(274204207);
  });

  it('looks at its own bytes only, wherever they lie', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat({ max: 7 }), (key, before) => {
        const around = new Uint8Array(before + key.length + 5).fill(0xee);
        around.set(key, before);
        expect(murmur2(around.subarray(before, before + key.length))).toBe(murmur2(key));
      }),
    );
  });
});
