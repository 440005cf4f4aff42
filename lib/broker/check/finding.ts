/** What the consistency check finds, as values: what kind of thing, how bad it is, where, and a sentence for people. */
import type { ItemKey } from '../../kernel/items.ts';

/**
 * `damage`: records cannot be read, or not all that is read is right. `conflict`: items contradict each other, or
 * replicas have not the same, while records are read as they were written. `waste`: nothing needs it, and it costs what
 * it costs to keep.
 */
export type Severity = 'damage' | 'conflict' | 'waste';

const SEVERITIES = {
  'head-missing': 'damage',
  'page-missing': 'damage',
  'bundle-missing': 'damage',
  'object-missing': 'damage',
  'object-short': 'damage',
  'object-corrupt': 'damage',
  'offsets-disagree': 'damage',
  'segment-gap': 'damage',
  'segment-overlap': 'damage',
  'item-unreadable': 'damage',
  'copy-missing': 'conflict',
  'copy-short': 'conflict',
  'copy-corrupt': 'conflict',
  'times-disagree': 'conflict',
  'start-above-next': 'conflict',
  'marks-disagree': 'conflict',
  'topic-unlisted': 'conflict',
  'topic-entry-stray': 'conflict',
  'topic-entry-disagrees': 'conflict',
  'claim-missing': 'conflict',
  'claim-stray': 'conflict',
  'object-unreadable': 'conflict',
  'object-misnamed': 'waste',
  'object-unreferenced': 'waste',
  'bundle-stray': 'waste',
  'item-stray': 'waste',
  'item-overdue': 'waste',
} as const satisfies Record<string, Severity>;

export type FindingKind = keyof typeof SEVERITIES;

/** Offsets of a partition: from `from` to below `to`. */
export interface Affected {
  partition: number;
  from: number;
  to: number;
}

export interface Place {
  topic?: string;
  /** Whose records it is about, where they are known. */
  affected?: readonly Affected[];
  object?: string;
  /** Whose copy it is about. */
  replica?: string;
  item?: ItemKey;
}

export interface Finding extends Place {
  kind: FindingKind;
  severity: Severity;
  /** A sentence. */
  what: string;
}

/** What is wrong with an object's bytes, for the end of a sentence. */
export interface ObjectProblem {
  kind: 'missing' | 'short' | 'corrupt';
  what: string;
}

/** `severity` where it is not that of its kind. */
export function finding(kind: FindingKind, place: Place, what: string, severity: Severity = SEVERITIES[kind]): Finding {
  return { kind, severity, ...place, what };
}

/** What two looks have both found. */
export function inBoth(first: readonly Finding[], second: readonly Finding[]): Finding[] {
  const known = new Set(first.map(identity));
  return second.filter((found) => known.has(identity(found)));
}

/** The same thing at the same place, whatever the sentence says of its surroundings. */
function identity({ kind, topic, object, replica, item, affected = [] }: Finding): string {
  return JSON.stringify([
    kind,
    topic,
    object,
    replica,
    item?.pk,
    item?.sk,
    affected.map(({ partition, from }) => [partition, from]),
  ]);
}
