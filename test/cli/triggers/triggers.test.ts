import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { type CliResult, runCli, startTestServer } from '../../support/cli.ts';

const TARGET = 'arn:aws:lambda:eu-central-1:123456789012:function:mails';
let url: string;
let client: MillraceClient;
let topic: string;
let trigger: string;
let tests = 0;

beforeAll(async () => {
  ({ url } = await startTestServer());
  client = createClient({ url });
});

beforeEach(async () => {
  topic = `orders-${++tests}`;
  trigger = `mails-${tests}`;
  await client.topics.create(topic, { partitions: 2 });
  await client.produce(topic, [{ value: 'a', partition: 1 }]);
});

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { url });
const make = (...more: string[]) => cli('triggers', 'create', trigger, '-t', topic, '--target', TARGET, ...more);

/** With one space between columns, and the names of the test as "orders" and "mails". */
function squeezed(stdout: string): string {
  return stdout.replaceAll(topic, 'orders').replaceAll(trigger, 'mails').replaceAll(/ +/g, ' ');
}

describe('triggers', () => {
  it('are made, listed, described, paused, resumed and deleted', async () => {
    expect(await make('--from', 'earliest')).toMatchObject({ code: 0, stderr: `The trigger ${trigger} delivers.\n` });
    expect(squeezed((await cli('triggers', 'list')).stdout)).toContain(`\nmails Enabled orders ${TARGET}\n`);
    const { stdout } = await cli('triggers', 'describe', trigger);
    expect(squeezed(stdout)).toMatch(/^trigger mails\nstate Enabled\ntopics orders\ngroup mails\n/);
    expect(squeezed(stdout)).toMatch(
      /\nlag 1, since \d+ s\n\nTOPIC PARTITION COMMITTED END LAG DELIVERY\norders 0 0 0 0\norders 1 0 1 1\n$/,
    );
    expect((await cli('triggers', 'pause', trigger)).stderr).toBe(`The trigger ${trigger} rests.\n`);
    expect((await client.triggers.describe(trigger)).state).toBe('Disabled');
    expect((await cli('triggers', 'resume', trigger)).stderr).toBe(`The trigger ${trigger} delivers again.\n`);
    expect((await cli('triggers', 'delete', trigger)).stderr).toBe(`The trigger ${trigger} is deleted.\n`);
    expect((await cli('triggers', 'describe', trigger)).code).toBe(1);
  });

  it('take their settings from flags', async () => {
    const flags = [
      '--filter',
      '{"key":["a"]}',
      '--retries',
      '2',
      '--bisect',
      '--on-failure',
      topic.replace('orders', 'poison'),
    ];
    await client.topics.create(topic.replace('orders', 'poison'));
    const { stdout } = await make(...flags, '--from', '@1700000000000', '--disabled', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      name: trigger,
      state: 'Disabled',
      filters: ['{"key":["a"]}'],
      retry_attempts: 2,
      bisect_batch_on_error: true,
      on_failure: { kind: 'topic', topic: topic.replace('orders', 'poison') },
      starting_position: 'AT_TIMESTAMP',
      starting_timestamp: 1_700_000_000_000,
    });
  });

  it('are replayed after a look at what it would be', async () => {
    await make('--disabled');
    const replay = (...more: string[]) => cli('triggers', 'replay', trigger, '--from', 'earliest', ...more);
    const dry = await replay();
    expect(squeezed(dry.stdout)).toBe('TOPIC PARTITION COMMITTED WOULD BE\norders 0 0 0\norders 1 1 0\n');
    expect(dry.stderr).toBe('Nothing is changed. With --execute it is.\n');
    expect((await client.triggers.describe(trigger)).lag).toBe(0);
    const done = await replay('--execute', '-t', topic, '-p', '1', '--json');
    expect(JSON.parse(done.stdout)).toEqual({
      trigger,
      topic,
      partition: 1,
      previous_offset: 1,
      offset: 0,
      executed: true,
    });
    expect((await client.triggers.describe(trigger)).lag).toBe(1);
  });

  it.each([
    [['--topic-pattern', 'x'], 'give --topic or --topic-pattern'],
    [['--from', 'yesterday'], '--from is "yesterday", not latest, earliest or @<time>'],
    [['--on-failure', 'arn:aws:ec2:x'], '--on-failure is "arn:aws:ec2:x", not an ARN of SQS, SNS or S3, nor a topic'],
  ])('refuse %j', async (flags, message) => {
    const { code, stderr } = await make(...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
