import { describe, expect, it } from 'vitest';
import { type ProducerOptions, settingsOf } from '../../../lib/client/producer/options.ts';

type Options = ProducerOptions<unknown, unknown>;

describe('the settings of a producer', () => {
  it('are what was given, and the defaults', () => {
    expect(settingsOf({ lingerMs: 20, acks: 'leader' })).toMatchObject({
      lingerMs: 20,
      acks: 'leader',
      idempotence: true,
      partitioner: 'byKey',
      batchBytesMax: 512 * 1024,
      batchRecordsMax: 5_000,
      inFlightMax: 5,
      bufferBytesMax: 32 * 1024 * 1024,
      whenFull: 'wait',
      waitMsMax: 60_000,
      deliveryTimeoutMs: 120_000,
      topicAgeMsMax: 300_000,
    });
  });

  it('have no idempotence where nothing is answered', () => {
    expect(settingsOf({ acks: 'none' })).toMatchObject({ idempotence: false });
  });

  it('of a name that there is not are refused, with those that there are', () => {
    const options: object = { lingerMS: 5 };
    expect(() => settingsOf(options)).toThrow(/"lingerMS".*lingerMs/);
  });

  it.each<[string, Options]>([
    ['lingerMs -1', { lingerMs: -1 }],
    ['lingerMs 0.5', { lingerMs: 0.5 }],
    ['lingerMs NaN', { lingerMs: Number.NaN }],
    ['batchBytesMax 0', { batchBytesMax: 0 }],
    ['batchBytesMax 4194305', { batchBytesMax: 4 * 1024 * 1024 + 1 }],
    ['batchRecordsMax 0', { batchRecordsMax: 0 }],
    ['inFlightMax 0', { inFlightMax: 0 }],
    ['bufferBytesMax -5', { bufferBytesMax: -5 }],
    ['deliveryTimeoutMs 0', { deliveryTimeoutMs: 0 }],
    ['deliveryTimeoutMs 10', { deliveryTimeoutMs: 10, lingerMs: 11 }],
  ])('out of range are refused by name: %s', (named, options) => {
    expect(() => settingsOf(options)).toThrow(RangeError);
    expect(() => settingsOf(options)).toThrow(named);
  });

  it.each<[string, object]>([
    ['acks', { acks: 'some' }],
    ['acks', { acks: 1 }],
    ['whenFull', { whenFull: 'drop' }],
    ['partitioner', { partitioner: 'hash' }],
    ['keySerializer', { keySerializer: () => new Uint8Array() }],
    ['valueSerializer', { valueSerializer: {} }],
    ['onDelivery', { onDelivery: 'log' }],
    ['idempotence', { idempotence: 1 }],
    ['idempotence', { idempotence: true, acks: 'none' }],
  ])('of another kind are refused by name: %s', (named, options) => {
    expect(() => settingsOf(options)).toThrow(TypeError);
    expect(() => settingsOf(options)).toThrow(named);
  });
});
