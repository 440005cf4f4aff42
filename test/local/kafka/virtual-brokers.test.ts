import { describe, expect, it } from 'vitest';
import { advertisedPort, parseAdvertised, virtualBrokers } from '../../../lib/local/kafka/virtual-brokers.ts';

const options = { host: '127.0.0.1', port: 9092, brokers: 3 };

describe('the virtual brokers of a local server', () => {
  it('listen on ports next to each other, and say so', () => {
    expect(virtualBrokers(options, 'machine')).toEqual([
      { nodeId: 1, host: '127.0.0.1', port: 9092, rack: null },
      { nodeId: 2, host: '127.0.0.1', port: 9093, rack: null },
      { nodeId: 3, host: '127.0.0.1', port: 9094, rack: null },
    ]);
    expect(advertisedPort(options, 1, 9093)).toBe(9093);
  });

  it('take a free port each for 0', () => {
    expect(virtualBrokers({ ...options, port: 0 }, 'machine').map(({ port }) => port)).toEqual([0, 0, 0]);
    expect(advertisedPort({ ...options, port: 0 }, 1, 41_234)).toBe(41_234);
  });

  it.each(['0.0.0.0', '::', '0:0:0:0:0:0:0:0'])('say the name of the machine where they listen on %s', (host) => {
    expect(virtualBrokers({ ...options, host, brokers: 1 }, 'machine')).toMatchObject([{ host: 'machine' }]);
  });

  it('say one address that they are told, with ports that count up', () => {
    const told = { ...options, advertised: [{ host: 'kafka.example.com', port: 30_000 }] };
    expect(virtualBrokers(told, 'machine').map(({ host }) => host)).toEqual(Array(3).fill('kafka.example.com'));
    expect([0, 1, 2].map((index) => advertisedPort(told, index, 9092 + index))).toEqual([30_000, 30_001, 30_002]);
    const withoutPort = { ...options, advertised: [{ host: 'kafka.example.com' }] };
    expect(advertisedPort(withoutPort, 2, 9094)).toBe(9094);
  });

  it('say each its own address where they are told as many', () => {
    const told = { ...options, advertised: [{ host: 'a', port: 1 }, { host: 'b' }, { host: 'c', port: 3 }] };
    expect(virtualBrokers(told, 'machine').map(({ host }) => host)).toEqual(['a', 'b', 'c']);
    expect([0, 1, 2].map((index) => advertisedPort(told, index, 9092 + index))).toEqual([1, 9093, 3]);
  });

  it('have ids from the one that they are told on', () => {
    expect(virtualBrokers({ ...options, nodeId: 7 }, 'machine').map(({ nodeId }) => nodeId)).toEqual([7, 8, 9]);
  });

  it('are in one rack, or each in its own', () => {
    const racksOf = (racks: string[]) => virtualBrokers({ ...options, racks }, 'machine').map(({ rack }) => rack);
    expect(racksOf(['a'])).toEqual(['a', 'a', 'a']);
    expect(racksOf(['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
  });
});

describe('an address that clients are told', () => {
  it.each([
    ['kafka.example.com', { host: 'kafka.example.com' }],
    ['kafka:9092', { host: 'kafka', port: 9092 }],
    ['10.0.0.1:65535', { host: '10.0.0.1', port: 65_535 }],
    ['[::1]', { host: '::1' }],
    ['[fe80::1]:9092', { host: 'fe80::1', port: 9092 }],
  ])('may be %s', (text, address) => {
    expect(parseAdvertised(text)).toEqual(address);
  });

  it.each([
    '',
    '0.0.0.0',
    '0.0.0.0:9092',
    '[::]:9092',
    '::1',
    'a:0',
    'a:65536',
    'a:b',
    'a b',
    'PLAINTEXT://a:9092',
    '[a]:1',
  ])('cannot be "%s"', (text) => {
    expect(parseAdvertised(text)).toBeUndefined();
  });
});
