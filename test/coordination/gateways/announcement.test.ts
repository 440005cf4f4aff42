import { array, assert, integer, nat, option, property, record, string, uint8Array } from 'fast-check';
import { expect, it } from 'vitest';
import {
  announcementKey,
  decodeAnnouncement,
  encodeAnnouncement,
} from '../../../lib/coordination/gateways/announcement.ts';

const broker = record({
  nodeId: integer({ min: 0, max: 2 ** 31 - 1 }),
  host: string({ minLength: 1 }),
  port: integer({ min: 1, max: 65_535 }),
  rack: option(string({ minLength: 1 })),
});

it('reads what was written', () => {
  const announcement = record({
    process: uint8Array({ minLength: 8, maxLength: 8 }),
    beatMs: nat(),
    brokers: array(broker, { minLength: 1, maxLength: 5 }),
  });
  assert(
    property(announcement, (said) => {
      expect(decodeAnnouncement(encodeAnnouncement(said))).toEqual(said);
    }),
  );
});

it('has a key by the first id, in the order of ids', () => {
  const keyOf = (nodeId: number) => announcementKey({ brokers: [{ nodeId, host: 'h', port: 1, rack: null }] });
  expect(keyOf(9)).toEqual({ pk: 'gateways', sk: '0000000009' });
  expect(keyOf(9).sk < keyOf(10).sk).toBe(true);
});
