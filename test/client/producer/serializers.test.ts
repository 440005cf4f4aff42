import { describe, expect, expectTypeOf, it } from 'vitest';
import type { MillraceClient } from '../../../lib/client/client.ts';
import type { Producer } from '../../../lib/client/producer/producer.ts';
import { bytes, content, json, text } from '../../../lib/client/producer/serializers.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { producerWorld } from './producer-world.ts';

interface Order {
  total: number;
  paid?: boolean;
}

describe('serializers', () => {
  it('make bytes of JSON, of text and of bytes', () => {
    expect(json<Order>().serialize({ total: 1 }, 'orders')).toEqual(utf8('{"total":1}'));
    expect(text().serialize('größer', 'orders')).toEqual(utf8('größer'));
    const given = Uint8Array.of(1, 2);
    expect(bytes().serialize(given, 'orders')).toBe(given);
  });

  it('take everything where none is configured, as client.produce does', () => {
    expect(content.serialize('text', 't')).toEqual(utf8('text'));
    expect(content.serialize({ n: [1, null] }, 't')).toEqual(utf8('{"n":[1,null]}'));
    expect(content.serialize(7, 't')).toEqual(utf8('7'));
    expect(content.serialize(Uint8Array.of(255), 't')).toEqual(Uint8Array.of(255));
  });

  it('refuse what they cannot say', () => {
    expect(() => json().serialize((() => {}) as never, 't')).toThrow(TypeError);
    expect(() => text().serialize(7 as never, 't')).toThrow(TypeError);
    expect(() => bytes().serialize('text' as never, 't')).toThrow(TypeError);
  });

  it('are asked neither for null nor for what is absent', async () => {
    const never = {
      serialize: () => {
        throw new Error('asked');
      },
    };
    const { producer, settled } = producerWorld({ keySerializer: never, valueSerializer: never });
    const sent = producer.send({ topic: 'orders', records: [{ key: null, value: null }, {}] });
    expect(await settled(sent)).toHaveLength(2);
  });

  it('may be anybody’s, and are told the topic', async () => {
    const seen: string[] = [];
    const dates = {
      serialize: (value: Date, topic: string) => {
        seen.push(topic);
        return utf8(value.toISOString());
      },
    };
    const { producer, settled, fake } = producerWorld({ valueSerializer: dates });
    await settled(producer.send({ topic: 'orders', records: [{ value: new Date(0) }] }));
    expect(fake.log('orders', 0)).toEqual(['1970-01-01T00:00:00.000Z']);
    expect(seen).toEqual(['orders']);
  });
});

it('types what is sent', () => {
  const make = (client: MillraceClient) => client.producer({ keySerializer: text(), valueSerializer: json<Order>() });
  expectTypeOf<ReturnType<typeof make>>().toEqualTypeOf<Producer<string, Order>>();
  const { producer } = producerWorld({ keySerializer: text(), valueSerializer: json<Order>() });
  type Value = Parameters<typeof producer.send>[0]['records'][number]['value'];
  expectTypeOf<Value>().toEqualTypeOf<Order | null | undefined>();
  // @ts-expect-error An order has a total.
  producer.send({ topic: 'orders', records: [{ value: { paid: true } }] }).catch(() => {});
});
