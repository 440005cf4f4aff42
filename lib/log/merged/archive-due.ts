/** Which merged segments are to be in another class of storage than the bucket's standard. */
import { archiveLimits } from '../../kernel/limits/archive.ts';
import { segmentPiece } from '../retention/piece.ts';
import { type ArchiveClass, FIXED_CLASS } from '../segment/archive-class.ts';
import type { TopicConfigValues } from '../topic/config.ts';
import type { SegmentItem } from './segment-item.ts';

export interface ArchiveRules {
  storageClass: ArchiveClass;
  /** How old the newest record of a segment is before it is moved. */
  afterMs: number;
  /**
   * Smaller ones stay: they would cost more to move than they save, and merging, which leaves what was moved, may take
   * them in.
   */
  bytesMin: number;
}

/** `undefined`: none are moved. */
export function archiveRules(config: TopicConfigValues): ArchiveRules | undefined {
  const storageClass = config['archive.storage.class'];
  if (storageClass === '') return undefined;
  return { storageClass, afterMs: config['archive.after.ms'], bytesMin: archiveLimits.archiveBytesMin };
}

/**
 * `young`: neither it nor any behind it is old enough; a record with a timestamp in the future holds up what is behind
 * it, as it does for retention. `stays`: it is where it is to be, or too small, or in a store that has one class only.
 */
export function archiveDue(segment: SegmentItem, rules: ArchiveRules, nowMs: number): 'due' | 'stays' | 'young' {
  if (segmentPiece(segment).newestMs > nowMs - rules.afterMs) return 'young';
  const { storageClass, bytes } = segment;
  const stays = storageClass === rules.storageClass || storageClass === FIXED_CLASS || bytes < rules.bytesMin;
  return stays ? 'stays' : 'due';
}
