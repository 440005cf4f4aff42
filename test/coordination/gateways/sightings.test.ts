import { describe, expect, it } from 'vitest';
import type { Announcement } from '../../../lib/coordination/gateways/announcement.ts';
import { Sightings } from '../../../lib/coordination/gateways/sightings.ts';
import { kafkaLimits } from '../../../lib/kernel/limits/kafka.ts';

const { kafkaGatewaySilenceMsMax: SILENCE } = kafkaLimits;
const NOW = 1_800_000_000_000;

function gateway(nodeId: number, beatMs: number, process = nodeId): Announcement {
  const brokers = [{ nodeId, host: `host-${nodeId}`, port: 9_092, rack: null }];
  return { process: Uint8Array.of(process), beatMs, brokers };
}

function idsOf(sightings: Sightings, announcements: Announcement[], sinceMs: number): number[] {
  const time = { monotonicMs: 5_000 + sinceMs, nowMs: NOW + sinceMs };
  return sightings.alive(announcements, time).map(({ nodeId }) => nodeId);
}

describe('a gateway', () => {
  it('is alive while its beats are seen to change, and not long after the last one', () => {
    const sightings = new Sightings();
    expect(idsOf(sightings, [gateway(1, NOW)], 0)).toEqual([1]);
    expect(idsOf(sightings, [gateway(1, NOW + 2_000)], 2_000)).toEqual([1]);
    expect(idsOf(sightings, [gateway(1, NOW + 2_000)], 1_999 + SILENCE)).toEqual([1]);
    expect(idsOf(sightings, [gateway(1, NOW + 2_000)], 2_000 + SILENCE)).toEqual([]);
    expect(idsOf(sightings, [gateway(1, NOW + 30_000)], 30_000)).toEqual([1]);
  });

  it('that was killed before anybody looked is not alive', () => {
    expect(idsOf(new Sightings(), [gateway(1, NOW - SILENCE)], 0)).toEqual([]);
  });

  it.each([-3_600_000, 3_600_000])('with a clock that is %i ms ahead is judged by its beats alone', (aheadMs) => {
    const sightings = new Sightings();
    expect(idsOf(sightings, [gateway(1, NOW + aheadMs)], 0)).toEqual([]);
    expect(idsOf(sightings, [gateway(1, NOW + aheadMs + 2_000)], 2_000)).toEqual([1]);
    expect(idsOf(sightings, [gateway(1, NOW + aheadMs + 2_000)], 2_000 + SILENCE)).toEqual([]);
  });

  it('that comes back as another process is alive at once, whatever its clock says', () => {
    const sightings = new Sightings();
    expect(idsOf(sightings, [gateway(1, NOW - 60_000)], 0)).toEqual([]);
    expect(idsOf(sightings, [gateway(1, NOW - 60_000, 7)], 1)).toEqual([1]);
  });

  it('that takes leave is gone, and at first sight again when it returns', () => {
    const sightings = new Sightings();
    expect(idsOf(sightings, [gateway(1, NOW), gateway(2, NOW)], 0)).toEqual([1, 2]);
    expect(idsOf(sightings, [gateway(2, NOW)], 1)).toEqual([2]);
    expect(idsOf(sightings, [gateway(1, NOW + 10), gateway(2, NOW)], 10)).toEqual([1, 2]);
  });
});

it('names each id once', () => {
  const twice = { ...gateway(1, NOW), brokers: [1, 2].map((nodeId) => ({ nodeId, host: 'a', port: 1, rack: null })) };
  const brokers = new Sightings().alive([twice, gateway(2, NOW)], { monotonicMs: 0, nowMs: NOW });
  expect(brokers.map(({ nodeId, host }) => [nodeId, host])).toEqual([
    [1, 'a'],
    [2, 'a'],
  ]);
});
