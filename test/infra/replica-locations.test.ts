import { describe, expect, test } from 'vitest';
import { parseReplicaLocations } from '../../lib/infra/replica-locations.ts';

describe('places of replicas', () => {
  test('are zones, buckets with their region, and the own bucket, in their order', () => {
    expect(parseReplicaLocations(['apne1-az4', 'own', 'acme.west-1@us-gov-west-1'])).toEqual([
      { kind: 'zone', zone: 'apne1-az4' },
      { kind: 'own' },
      { kind: 'bucket', bucket: 'acme.west-1', region: 'us-gov-west-1' },
    ]);
  });

  test.each([
    [[], /names 0 places; it names 2 to 8/],
    [['own'], /names 1 places/],
    [['own', 'own'], /names own twice/],
    [['use1-az4', 'us-east-1a'], /has "us-east-1a"; each is own, the id of an availability zone/],
    [['use1-az4', 'acme@'], /has "acme@"/],
    [['use1-az4', 'ACME@eu-west-1'], /has "ACME@eu-west-1"/],
    [['use1-az4', 'acme@eu-west-1@x'], /has "acme@eu-west-1@x"/],
    [['use1-az4', 'acme--use1-az5--x-s3@us-east-1'], /x-s3@us-east-1"/],
    [Array.from({ length: 8 }, (_, zone) => `use1-az${zone}`), /beside the own bucket; it names at most 7/],
    [Array.from({ length: 9 }, (_, zone) => `use1-az${zone}`), /names 9 places/],
  ])('such as %j are refused with the rule', (places, message) => {
    expect(() => parseReplicaLocations(places)).toThrow(message);
  });
});
