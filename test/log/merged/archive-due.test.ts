import { describe, expect, it } from 'vitest';
import { type ArchiveRules, archiveDue, archiveRules } from '../../../lib/log/merged/archive-due.ts';
import type { SegmentItem } from '../../../lib/log/merged/segment-item.ts';
import { parseTopicConfig } from '../../../lib/log/topic/config.ts';

const rules: ArchiveRules = { storageClass: 'STANDARD_IA', afterMs: 100, bytesMin: 10 };

const segment = (changes: Partial<SegmentItem> = {}): SegmentItem => ({
  partition: 0,
  base: 0,
  end: 1,
  object: { birthMs: 1_000, random: new Uint8Array(8) },
  bytes: 10,
  footerBytes: 1,
  records: 1,
  newestMs: 500,
  oldestMs: 400,
  level: 0,
  ...changes,
});

describe('a segment', () => {
  it('is due from the age of its newest record on', () => {
    expect(archiveDue(segment(), rules, 599)).toBe('young');
    expect(archiveDue(segment(), rules, 600)).toBe('due');
  });

  it('without timestamps is as old as its object', () => {
    const { newestMs: _newest, oldestMs: _oldest, ...without } = segment();
    expect(archiveDue(without, rules, 1_099)).toBe('young');
    expect(archiveDue(without, rules, 1_100)).toBe('due');
  });

  it.each<[string, Partial<SegmentItem>]>([
    ['is in its class', { storageClass: 'STANDARD_IA' }],
    ['cannot be moved', { storageClass: 'EXPRESS_ONEZONE' }],
    ['is small', { bytes: 9 }],
  ])('that %s stays', (_, changes) => {
    expect(archiveDue(segment(changes), rules, 10_000)).toBe('stays');
  });

  it('that is in another class is due', () => {
    expect(archiveDue(segment({ storageClass: 'GLACIER_IR' }), rules, 10_000)).toBe('due');
  });
});

describe('a topic', () => {
  it('has its old segments moved where it names a class', () => {
    expect(archiveRules(parseTopicConfig({}).values)).toBeUndefined();
    const { values } = parseTopicConfig({ 'archive.storage.class': 'GLACIER_IR', 'archive.after.ms': 0 });
    expect(archiveRules(values)).toMatchObject({ storageClass: 'GLACIER_IR', afterMs: 0 });
  });
});
