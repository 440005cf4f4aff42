import { kafkaConsumer, SchemaType } from '@aws-lambda-powertools/kafka';
import { KafkaMskEventSchema, KafkaSelfManagedEventSchema } from '@aws-lambda-powertools/parser/schemas/kafka';
import type { Context, MSKEvent, SelfManagedKafkaEvent } from 'aws-lambda';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { type EventOrigin, envelopeBytes, recordBytes, renderEvent } from '../../../lib/triggers/event/render-event.ts';
import type { EventBatch } from '../../../lib/triggers/ports.ts';
import { arbitraryRecord, sampleBatch, sampleRecord, sampleTrigger } from './event-samples.ts';

const ORIGIN: EventOrigin = {
  eventSourceArn: 'arn:aws:kafka:eu-central-1:123456789012:cluster/millrace/0-0',
  bootstrapServers: 'b-1.example:9092,b-2.example:9092',
};

function rendered(batch: EventBatch): unknown {
  return JSON.parse(Buffer.from(renderEvent(batch, ORIGIN)).toString('utf8'));
}

/** Powertools' own type of it, which knows of null keys and values. */
type ConsumedEvent = Parameters<ReturnType<typeof kafkaConsumer<string, string>>>[0];

const mskEvent = (batch: EventBatch) => rendered(batch) as MSKEvent;

// oxlint-disable-next-line no-unsafe-type-assertion -- handlers of the tests do not look at it
const context = {} as Context;

describe('the event', () => {
  test('has the shape of a mapping of MSK', () => {
    expect(rendered(sampleBatch())).toEqual({
      eventSource: 'aws:kafka',
      eventSourceArn: ORIGIN.eventSourceArn,
      bootstrapServers: ORIGIN.bootstrapServers,
      records: {
        'orders-3': [
          {
            topic: 'orders',
            partition: 3,
            offset: 15,
            timestamp: 1_545_084_650_987,
            timestampType: 'CREATE_TIME',
            key: 'Y3VzdG9tZXItNw==',
            value: 'eyJvcmRlciI6MX0=',
            headers: [{ trace: [0, 9, 10, 99, 100, 255] }],
          },
        ],
      },
    });
  });

  test('has the shape of a mapping of a self-managed cluster', () => {
    const event = rendered(
      sampleBatch({ trigger: sampleTrigger({ eventShape: 'self-managed' }) }),
    ) as SelfManagedKafkaEvent;
    expect(event.eventSource).toBe('SelfManagedKafka');
    expect(event).not.toHaveProperty('eventSourceArn');
    expect(KafkaSelfManagedEventSchema.parse(event).records['orders-3']?.[0]).toMatchObject({
      key: 'customer-7',
      value: '{"order":1}',
    });
  });

  test('leaves a null key out, and has null for a tombstone and an empty array for a header without a value', () => {
    const record = sampleRecord({ key: null, value: null, headers: [{ key: 'h', value: null }] });
    const [only] = mskEvent(sampleBatch({ records: [record] })).records['orders-3'] ?? [];
    expect(only).not.toHaveProperty('key');
    expect(only).toMatchObject({ value: null, headers: [{ h: [] }] });
  });

  test('keeps headers that have one name, or a name that objects have already', () => {
    const headers = ['a', 'a', '__proto__'].map((key) => ({ key, value: utf8('x') }));
    const text = Buffer.from(renderEvent(sampleBatch({ records: [sampleRecord({ headers })] }), ORIGIN)).toString();
    expect(text).toContain('"headers":[{"a":[120]},{"a":[120]},{"__proto__":[120]}]');
  });

  test('is accepted by the parser of Powertools', () => {
    const records = [sampleRecord(), sampleRecord({ offset: 16, key: null, headers: [] })];
    const parsed = KafkaMskEventSchema.parse(rendered(sampleBatch({ records })));
    expect(parsed.bootstrapServers).toEqual(['b-1.example:9092', 'b-2.example:9092']);
    expect(parsed.records['orders-3']?.map((record) => [record.key, record.value])).toEqual([
      ['customer-7', '{"order":1}'],
      [undefined, '{"order":1}'],
    ]);
  });

  test('is deserialized by the Kafka consumer of Powertools as strings and as JSON', async () => {
    const records = [
      sampleRecord({ headers: [{ key: 'h', value: utf8('ü') }] }),
      sampleRecord({ key: null, value: null }),
    ];
    const event = mskEvent(sampleBatch({ records }));
    const seen: unknown[] = [];
    const asText = kafkaConsumer<string, string>(async (consumed) => {
      for (const record of consumed.records) seen.push([record.key, record.value, record.headers]);
    });
    await asText(event as ConsumedEvent, context);
    const asJson = kafkaConsumer<string, { order: number }>(
      async (consumed) => {
        for (const record of consumed.records) seen.push(record.value);
      },
      { value: { type: SchemaType.JSON } },
    );
    await asJson(event as ConsumedEvent, context);
    expect(seen).toEqual([
      ['customer-7', '{"order":1}', [{ h: 'ü' }]],
      [undefined, null, [{ trace: '\u0000\t\nc\u0064\ufffd' }]],
      { order: 1 },
      null,
    ]);
  });

  test('carries a window as time-window events do', () => {
    const window = {
      startMs: 1_596_128_400_000,
      endMs: 1_596_128_520_000,
      state: { n: 1 },
      isFinal: false,
      isTerminatedEarly: true,
    };
    expect(rendered(sampleBatch({ window }))).toMatchObject({
      window: { start: '2020-07-30T17:00:00Z', end: '2020-07-30T17:02:00Z' },
      state: { n: 1 },
      shardId: 'orders-3',
      isFinalInvokeForWindow: false,
      isWindowTerminatedEarly: true,
    });
    const last = rendered(sampleBatch({ records: [], window: { ...window, isFinal: true } }));
    expect(last).toMatchObject({ records: {}, isFinalInvokeForWindow: true });
    expect(KafkaMskEventSchema.safeParse(last).success).toBe(true);
  });

  test('says before what it takes, and that exactly but for a comma', () => {
    const state = fc.option(fc.jsonValue(), { nil: undefined });
    fc.assert(
      fc.property(fc.array(arbitraryRecord, { minLength: 1, maxLength: 5 }), state, (records, windowState) => {
        const window = {
          startMs: 0,
          endMs: 60_000,
          state: windowState ?? {},
          isFinal: false,
          isTerminatedEarly: false,
        };
        const batch = sampleBatch(windowState === undefined ? { records } : { records, window });
        const announced = records.reduce((sum, record) => sum + recordBytes(record), envelopeBytes(batch, ORIGIN));
        expect(renderEvent(batch, ORIGIN).length).toBe(announced - 1);
        // The same without knowing which records it will have.
        expect(envelopeBytes({ ...batch, records: [] }, ORIGIN)).toBe(envelopeBytes(batch, ORIGIN));
        expect(() => rendered(batch)).not.toThrow();
      }),
    );
  });
});
