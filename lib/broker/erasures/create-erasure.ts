/**
 * Asks for an erasure. The answer says that it is kept, and how far it reaches in each partition: what is there by
 * then. It is carried out later (carry-out-erasures.ts).
 */
import { compileTopicPattern } from '../../coordination/groups/topic-pattern.ts';
import { toHex } from '../../kernel/bytes.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import { erasureLimits } from '../../kernel/limits/erasures.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Subject } from '../../log/erasure/erase.ts';
import { type ErasureTopics, erasureId, planErasure } from '../../log/erasure/erasure-item.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { readDirectoryOfTopics, topicOrNone } from '../groups/topic-directory.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { type DescribedErasure, describeErasure } from './describe-erasure.ts';
import { findErasure } from './erasure-records.ts';
import { fixExtents } from './fix-extents.ts';

export interface ErasureRequest {
  topics: ErasureTopics;
  subject: Subject;
}

/**
 * Throws `UNKNOWN_TOPIC_OR_PARTITION` for a topic that is not there, and where a pattern matches none; `INVALID_TOPIC`;
 * `INVALID_REGULAR_EXPRESSION`; `POLICY_VIOLATION` where there are too many ledgers, and `INVALID_REQUEST` for a key or
 * a value that no record has.
 */
export async function createErasure(broker: Broker, { topics, subject }: ErasureRequest): Promise<DescribedErasure> {
  checkSubject(subject);
  const found = await topicsToErase(broker, topics);
  if (found.length === 0) throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', 'No topic has a name that matches.');
  checkTopics(found);
  const id = erasureId(broker.clock.now(), toHex(broker.random.bytes(4)));
  // Put twice, the second one finds its own.
  await writeRepeatedly(broker.metadata, [planErasure(id, topics, subject)]);
  try {
    const erasure = await findErasure(broker, id);
    if (erasure !== undefined) await fixExtents(broker, erasure, found);
    return await describeErasure(broker, id);
  } catch (error) {
    // It is there, and reaches as far as there is when it is gone on with.
    throw withEffect(error, 'unknown');
  }
}

function checkSubject(subject: Subject): void {
  const value = subject.kind === 'key' ? subject.key : subject.value;
  if (value.length <= erasureLimits.erasureValueBytesMax) return;
  const detail = `What is to be erased has ${value.length} bytes: at most ${erasureLimits.erasureValueBytesMax} are allowed.`;
  throw new MillraceError('INVALID_REQUEST', detail);
}

/** Those that there are now; of names all must be there. */
export async function topicsToErase(
  broker: Broker,
  topics: ErasureTopics,
  how = { missing: 'refused' },
): Promise<Topic[]> {
  const names = 'names' in topics ? [...new Set(topics.names)] : await matching(broker, topics.pattern);
  const found = await mapBounded(names, storageLimits.storageFanOutMax, (name) =>
    'names' in topics && how.missing === 'refused'
      ? broker.topics.getFresh(name)
      : topicOrNone(broker, name, { fresh: true }),
  );
  return found.filter((topic) => topic !== undefined);
}

async function matching({ metadata }: Broker, pattern: string): Promise<string[]> {
  const compiled = compileTopicPattern(pattern);
  if (compiled.result === 'refused') {
    const detail = `The topic pattern is not allowed: ${compiled.detail}.`;
    throw new MillraceError('INVALID_REGULAR_EXPRESSION', detail, { facts: { field: 'topic_pattern' } });
  }
  return [...(await readDirectoryOfTopics(metadata)).keys()].filter((name) => compiled.pattern.matches(name));
}

function checkTopics(topics: readonly Topic[]): void {
  const ledgers = topics.reduce((sum, topic) => sum + ledgersOf(topic).length, 0);
  if (ledgers <= erasureLimits.erasureLedgersMax) return;
  const detail = `The topics have ${ledgers} ledgers: an erasure has at most ${erasureLimits.erasureLedgersMax}.`;
  throw new MillraceError('POLICY_VIOLATION', detail);
}
