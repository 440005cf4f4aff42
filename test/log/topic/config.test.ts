import * as fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import {
  mergeTopicConfig,
  parseTopicConfig,
  TOPIC_CONFIG_NAMES,
  type TopicConfigValues,
  topicConfigValues,
} from '../../../lib/log/topic/config.ts';
import { topicConfigTable } from '../../../lib/log/topic/config-table.ts';

/** The names that `kafka-configs.sh` of Kafka 4 takes for topics (LogConfig.nonInternalConfigNames). */
const KAFKA_NAMES = [
  'cleanup.policy',
  'compression.gzip.level',
  'compression.lz4.level',
  'compression.type',
  'compression.zstd.level',
  'delete.retention.ms',
  'file.delete.delay.ms',
  'flush.messages',
  'flush.ms',
  'follower.replication.throttled.replicas',
  'index.interval.bytes',
  'leader.replication.throttled.replicas',
  'local.retention.bytes',
  'local.retention.ms',
  'max.compaction.lag.ms',
  'max.message.bytes',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.type',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'min.insync.replicas',
  'preallocate',
  'remote.copy.lag.bytes',
  'remote.copy.lag.ms',
  'remote.log.copy.disable',
  'remote.log.delete.on.disable',
  'remote.storage.enable',
  'retention.bytes',
  'retention.ms',
  'segment.bytes',
  'segment.index.bytes',
  'segment.jitter.ms',
  'segment.ms',
  'unclean.leader.election.enable',
];

function refusal(input: Parameters<typeof parseTopicConfig>[0]): string {
  try {
    parseTopicConfig(input);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'INVALID_CONFIG') return error.message;
    throw error;
  }
  throw new Error(`accepted ${JSON.stringify(input)}`);
}

describe('the config table', () => {
  it("holds Kafka's names and Millrace's own", () => {
    const own = [
      'archive.after.ms',
      'archive.storage.class',
      'ledger.partitions',
      'partitioner',
      'partitioner.tenant.header',
      'partitioner.tenant.separator',
    ];
    expect([...TOPIC_CONFIG_NAMES].sort()).toEqual([...KAFKA_NAMES, ...own].sort());
  });

  it.each(TOPIC_CONFIG_NAMES)('has a default for %s that could be set as well', (name) => {
    const { overrides, values } = parseTopicConfig({ [name]: topicConfigTable[name].default });
    expect(overrides).toEqual({ [name]: topicConfigTable[name].default });
    expect(values).toEqual(parseTopicConfig({}).values);
  });

  it("has Kafka's defaults", () => {
    expect(parseTopicConfig({}).values).toMatchObject({
      'cleanup.policy': ['delete'],
      'retention.ms': 604_800_000,
      'retention.bytes': -1,
      'max.message.bytes': 1_048_588,
      'message.timestamp.type': 'CreateTime',
      'message.timestamp.before.max.ms': Number.MAX_SAFE_INTEGER,
      'message.timestamp.after.max.ms': 3_600_000,
      'compression.type': 'producer',
      'min.insync.replicas': 1,
      'ledger.partitions': 16,
      preallocate: false,
    });
  });
});

describe('parsing topic configs', () => {
  it('gives each value its type', () => {
    const { values } = parseTopicConfig({});
    expectTypeOf(values['max.message.bytes']).toEqualTypeOf<number>();
    expectTypeOf(values['cleanup.policy']).toEqualTypeOf<('delete' | 'compact')[]>();
    expectTypeOf(values['message.timestamp.type']).toEqualTypeOf<'CreateTime' | 'LogAppendTime'>();
    expectTypeOf(values['unclean.leader.election.enable']).toEqualTypeOf<boolean>();
    expectTypeOf(values).toEqualTypeOf<TopicConfigValues>();
  });

  it('keeps the text as given and works with the value', () => {
    const { overrides, values } = parseTopicConfig({
      'retention.ms': ' 60000 ',
      'max.message.bytes': 2048,
      'unclean.leader.election.enable': true,
      preallocate: 'TRUE',
      'cleanup.policy': 'compact, delete',
      'min.cleanable.dirty.ratio': '1e-1',
      'leader.replication.throttled.replicas': '0:1,1:2',
    });
    expect(overrides).toEqual({
      'retention.ms': ' 60000 ',
      'max.message.bytes': '2048',
      'unclean.leader.election.enable': 'true',
      preallocate: 'TRUE',
      'cleanup.policy': 'compact, delete',
      'min.cleanable.dirty.ratio': '1e-1',
      'leader.replication.throttled.replicas': '0:1,1:2',
    });
    expect(values).toMatchObject({
      'retention.ms': 60_000,
      'max.message.bytes': 2048,
      'unclean.leader.election.enable': true,
      preallocate: true,
      'cleanup.policy': ['compact', 'delete'],
      'min.cleanable.dirty.ratio': 0.1,
      'leader.replication.throttled.replicas': ['0:1', '1:2'],
    });
  });

  it('takes an empty cleanup.policy, as newer Kafkas do', () => {
    expect(parseTopicConfig({ 'cleanup.policy': '' }).values['cleanup.policy']).toEqual([]);
  });

  it.each([
    ['max.message.bytes', topicLimits.messageBytesMax + 1, ['4194305', '4194304']],
    ['max.message.bytes', -1, ['-1', 'from 0']],
    ['max.message.bytes', 1.5, ['1.5', 'whole number']],
    ['max.message.bytes', '', ['whole number']],
    ['max.message.bytes', 'many', ['many']],
    ['max.message.bytes', '0x10', ['0x10']],
    ['retention.ms', '-2', ['-2', 'from -1']],
    ['retention.ms', '9223372036854775808', ['9223372036854775808']],
    ['retention.ms', 1e21, ['1e+21']],
    ['cleanup.policy', 'shred', ['shred', 'delete, compact']],
    ['cleanup.policy', 'delete,delete', ['at most once']],
    ['cleanup.policy', 'delete,', ['delete,']],
    ['message.timestamp.type', 'createtime', ['createtime', 'CreateTime']],
    ['preallocate', 'yes', ['yes', 'true or false']],
    ['preallocate', 'constructor', ['constructor']],
    ['compression.gzip.level', 0, ['from 1 up to 9, or -1']],
    ['min.cleanable.dirty.ratio', '1.01', ['1.01']],
    ['min.cleanable.dirty.ratio', 'NaN', ['NaN']],
    ['ledger.partitions', 17, ['17', 'from 1 up to 16']],
    ['ledger.partitions', 0, ['0', 'from 1 up to 16']],
    ['segment.bytes', 1, ['from 1048576']],
    ['archive.storage.class', 'DEEP_ARCHIVE', ['DEEP_ARCHIVE', 'one of empty, STANDARD_IA']],
    ['leader.replication.throttled.replicas', '1', ['partition:replica']],
  ])('refuses %s = %j, naming it and what is allowed', (name, value, parts) => {
    const message = refusal({ [name]: value });
    for (const part of [name, ...parts]) expect(message).toContain(part);
  });

  it('takes a level outside of the range where Kafka does', () => {
    expect(parseTopicConfig({ 'compression.gzip.level': '-1' }).values['compression.gzip.level']).toBe(-1);
  });

  it.each(['nope', '__proto__', 'constructor', 'toString', 'message.format.version'])('refuses the name %s', (name) => {
    expect(refusal(JSON.parse(`{"${name}":"1"}`) as Record<string, string>)).toContain(name);
  });

  it('refuses an unknown name also when it is reset', () => {
    expect(refusal({ nope: null })).toContain('nope');
  });

  it('never repeats all of a hostile name or value', () => {
    expect(refusal({ ['x'.repeat(10_000)]: '1' }).length).toBeLessThan(300);
    expect(refusal({ preallocate: 'x'.repeat(10_000) }).length).toBeLessThan(300);
  });

  it('refuses more text than an item should hold', () => {
    const replicas = Array.from({ length: 10_000 }, (_, i) => `${i}:0`).join(',');
    expect(refusal({ 'leader.replication.throttled.replicas': replicas })).toContain(
      String(topicLimits.topicConfigLengthMax),
    );
  });

  it('refuses a compaction lag whose least is above its most', () => {
    const message = refusal({ 'min.compaction.lag.ms': 11, 'max.compaction.lag.ms': 10 });
    expect(message).toContain('min.compaction.lag.ms (11)');
  });

  it('reads any long as the nearest safe integer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }), (long) => {
        const value = parseTopicConfig({ 'retention.ms': String(long) }).values['retention.ms'];
        expect(value).toBe(long > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(long));
      }),
    );
  });
});

describe('changing topic configs', () => {
  it('merges, and resets with null', () => {
    const changed = mergeTopicConfig(
      { 'retention.ms': '1', 'segment.ms': '2' },
      { 'retention.ms': null, 'flush.ms': 3, 'segment.bytes': null },
    );
    expect(changed.overrides).toEqual({ 'segment.ms': '2', 'flush.ms': '3' });
    expect(changed.values['retention.ms']).toBe(604_800_000);
  });

  it('checks a change against what was set before', () => {
    const before = parseTopicConfig({ 'max.compaction.lag.ms': 10 }).overrides;
    expect(() => mergeTopicConfig(before, { 'min.compaction.lag.ms': 11 })).toThrow(/min\.compaction\.lag\.ms/);
  });

  it('leaves alone what a newer version stored', () => {
    const stored = { 'from.the.future': 'x', 'ledger.partitions': '32', 'cleanup.policy': 'shred' };
    const { overrides, values } = mergeTopicConfig(stored, { 'retention.ms': 1 });
    expect(overrides).toEqual({ ...stored, 'retention.ms': '1' });
    expect(values).toMatchObject({ 'ledger.partitions': 32, 'cleanup.policy': ['delete'], 'retention.ms': 1 });
    expect(topicConfigValues(stored)).not.toHaveProperty(['from.the.future']);
  });
});
