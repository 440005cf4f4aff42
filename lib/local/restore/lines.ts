/** What `millrace restore` has found, a line each: for people, or as JSON. */
import type { LedgerProposal, PartitionProposal } from '../../broker/restore/restore-ledger.ts';
import type { RestoreStep } from '../../broker/restore/restore-segments.ts';
import { sentence } from '../../kernel/sentence.ts';
import type { FoundSegment } from '../../log/merged/choose-segments.ts';
import { objectName } from '../../log/segment/object-name.ts';

export interface RestoreLine {
  kind:
    | 'object-unusable'
    | 'segments-missing'
    | 'segments-restored'
    | 'segment-gap'
    | 'ledger-unjudged'
    | 'topic-missing';
  topic?: string;
  topicId?: string;
  partition?: number;
  /** Offsets: from `from` to below `to`. */
  from?: number;
  to?: number;
  objects?: readonly string[];
  /** A sentence. */
  what: string;
}

export function linesOf(step: RestoreStep): RestoreLine[] {
  switch (step.step) {
    case 'found':
      return step.found.unusable.map(({ object, reason }) => {
        const what = sentence(`The object ${object} is of no use: ${reason}`);
        return { kind: 'object-unusable', objects: [object], what };
      });
    case 'ledger':
      return ledgerLines(step.proposal, step.written);
    case 'topicless': {
      const { topicId, topic, objects } = step.objects;
      const what = `No topic has the id ${topicId}, of which there are ${objects} objects; it was called ${topic}.`;
      return [{ kind: 'topic-missing', topic, topicId, what }];
    }
  }
}

function ledgerLines({ topic, partitions, unjudged }: LedgerProposal, written: boolean): RestoreLine[] {
  return [
    ...unjudged.map((what): RestoreLine => ({ kind: 'ledger-unjudged', topic: topic.name, what })),
    ...partitions.flatMap((partition) => [
      ...(partition.chosen.length === 0 ? [] : [segmentsLine(topic.name, partition, written)]),
      ...gapLines(topic.name, partition),
    ]),
  ];
}

function segmentsLine(topic: string, { partition, chosen }: PartitionProposal, written: boolean): RestoreLine {
  const from = Math.min(...chosen.map(({ segment }) => segment.base));
  const to = Math.max(...chosen.map(({ segment }) => segment.end));
  const done = written ? 'are restored' : 'can be restored';
  const what = `${chosen.length} segments of partition ${partition} between the offsets ${from} and ${to - 1} ${done}.`;
  const kind = written ? 'segments-restored' : 'segments-missing';
  return { kind, topic, partition, from, to, objects: chosen.map(nameOf), what };
}

function gapLines(topic: string, { partition, gaps }: PartitionProposal): RestoreLine[] {
  return gaps.map(({ base: from, end: to, undecided }) => {
    const objects = undecided.map(nameOf);
    const which =
      objects.length === 0
        ? 'are in no object that can be read'
        : `are in objects of which it cannot be told which are right: ${objects.join(', ')}`;
    const what = `The offsets ${from} to ${to - 1} of partition ${partition} ${which}.`;
    return { kind: 'segment-gap', topic, partition, from, to, objects, what };
  });
}

function nameOf({ segment }: FoundSegment): string {
  return objectName('merged', segment.object);
}
