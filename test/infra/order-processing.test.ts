/** The example in `examples/order-processing`: what its stacks are, and what its function answers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import type { MSKEvent } from 'aws-lambda';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { handler } from '../../examples/order-processing/handler.ts';
import { addStacks } from '../../examples/order-processing/stacks.ts';
import { appWithoutBundling, flat, resource } from './support/synthesize.ts';

const example = join(import.meta.dirname, '../../examples/order-processing');
const out = mkdtempSync(join(tmpdir(), 'millrace-orders-'));
afterAll(() => rmSync(out, { recursive: true }));

describe('the stacks of the example', () => {
  test('are synthesized by its app, without network or account, and with nothing that cdk-nag finds', () => {
    const env = { PATH: process.env['PATH'], CDK_OUTDIR: out, HTTPS_PROXY: 'http://127.0.0.1:9' };
    const { status, stderr } = spawnSync(process.execPath, ['app.ts'], { cwd: example, env, encoding: 'utf8' });
    expect({ status, complaints: stderr.match(/.*(?:error|warning).*/gi) }).toEqual({ status: 0, complaints: null });
    expect(readdirSync(out)).toEqual(expect.arrayContaining(['Shop.template.json', 'OrderProcessing.template.json']));
  });

  test('wire the function to the topic, with partial failures and a queue', () => {
    const { orders } = addStacks(appWithoutBundling());
    const { Properties } = resource(Template.fromStack(orders), 'Custom::MillraceTrigger');
    expect(flat(Properties['Destination'])).toBe('<PoisonOrders.Arn>');
    expect(JSON.parse(flat(Properties['Trigger']))).toMatchObject({
      name: 'order-processing',
      topics: { names: ['orders'] },
      reportBatchItemFailures: true,
      retryAttempts: 3,
      timeoutMs: 30_000,
    });
  });
});

describe('the function of the example', () => {
  const good = { id: '1', items: [{ sku: 'tea', quantity: 2, price: 4 }] };
  const bad = { id: '2', items: [{ sku: 'cup', quantity: -1, price: 9 }] };

  function event(records: Record<string, unknown[]>): MSKEvent {
    const entries = Object.entries(records).map(([name, values]) => {
      const [topic = '', partition] = name.split('-');
      const rendered = values.map((value, offset) => ({
        topic,
        partition: Number(partition),
        offset,
        timestamp: 1,
        timestampType: 'CREATE_TIME' as const,
        key: '',
        value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64'),
        headers: [],
      }));
      return [name, rendered];
    });
    return {
      eventSource: 'aws:kafka',
      eventSourceArn: 'arn',
      bootstrapServers: '',
      records: Object.fromEntries(entries),
    };
  }

  test('names nothing where all orders are good', async () => {
    vi.spyOn(console, 'log').mockReturnValue(undefined);
    expect(await handler(event({ 'orders-0': [good], 'orders-1': [good, good] }))).toEqual({ batchItemFailures: [] });
  });

  test('names the first order of each partition that it cannot process', async () => {
    vi.spyOn(console, 'log').mockReturnValue(undefined);
    vi.spyOn(console, 'error').mockReturnValue(undefined);
    expect(await handler(event({ 'orders-0': [good, bad, bad], 'orders-1': [good], 'orders-2': ['no JSON'] }))).toEqual(
      {
        batchItemFailures: [
          { itemIdentifier: { partition: 'orders-0', offset: 1 } },
          { itemIdentifier: { partition: 'orders-2', offset: 0 } },
        ],
      },
    );
  });
});
