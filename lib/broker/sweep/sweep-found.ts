/**
 * The sweeper's second look. The first one goes by the time of birth, and comes by once: what a writer that was frozen
 * uploads more than an hour after that, it has passed. The walk of the consistency check comes by everything once a
 * day, whatever its age, and what it finds to be needed by nothing is handed to this: so it costs nothing where there
 * is nothing.
 *
 * It takes no finding's word: objects are judged as by the first look, behind the fences of their ledgers, and so are
 * bundles. And it takes no absence for a deletion: where a head or a topic is not there, the table may have lost it,
 * and all that the ledger has would look as if nothing needed it. So it judges only by what is there, and leaves the
 * rest to whoever reads the findings.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import { ledgerIdIn } from '../../log/ledger/head.ts';
import { parseObjectName } from '../../log/segment/object-name.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import type { Finding } from '../check/finding.ts';
import { readMergedObject } from '../lifecycle/merged-object.ts';
import { footerOf } from '../lifecycle/orphans.ts';
import { deleteStrayBundles } from '../lifecycle/stray-bundles.ts';
import { type SweptObject, sweepObjects } from './sweep-objects.ts';
import { SweepSources } from './sweep-sources.ts';

export interface SweptFound {
  objects: number;
  items: number;
  /** What is not for the sweeper, or could not be judged or deleted. */
  left: Finding[];
}

export async function sweepFound(broker: Broker, findings: readonly Finding[]): Promise<SweptFound> {
  const {
    objects = [],
    bundles = [],
    others = [],
  } = Object.groupBy(findings, ({ kind }) => {
    if (kind === 'object-unreferenced') return 'objects';
    return kind === 'bundle-stray' ? 'bundles' : 'others';
  });
  const swept: SweptFound = { objects: 0, items: 0, left: others };
  await sweepStray(broker, objects, swept);
  await sweepBundles(broker, bundles, swept);
  return swept;
}

async function sweepStray(broker: Broker, findings: readonly Finding[], swept: SweptFound): Promise<void> {
  for (const some of chunked(findings, retiringLimits.orphansJudgedTogether)) {
    const found = await mapBounded(some, sweeperLimits.sweepExaminationsInFlightMax, async ({ object: name = '' }) => {
      const parsed = parseObjectName(name);
      if (parsed === undefined) return undefined;
      const object: SweptObject = { name, tier: parsed.tier, birthMs: parsed.id.birthMs };
      return (await areOwnersThere(broker, object)) ? object : undefined;
    });
    const objects = found.filter((object) => object !== undefined);
    const report = { examined: 0, deleted: 0, unreadable: 0 };
    const deleted = await sweepObjects(broker, { objects, sources: new SweepSources(broker), report });
    swept.objects += deleted.size;
    swept.left.push(...some.filter(({ object = '' }) => !deleted.has(object)));
  }
}

/** Whether every ledger is there that its footer names, of a merged object the topic. */
async function areOwnersThere(broker: Broker, { name, tier }: SweptObject): Promise<boolean> {
  try {
    if (tier === 'merged') {
      const footer = (await readMergedObject(broker, name))?.footer;
      const item = footer && (await broker.metadata.get(topicKey(footer.topic), 'strong'));
      return item !== undefined && decodeTopic(footer?.topic ?? '', item).topicId === footer?.topicId;
    }
    const { parts } = (await footerOf(broker, name)) ?? { parts: [] };
    for (const { ledger } of parts) if ((await broker.heads.strong(ledger)) === undefined) return false;
    return true;
  } catch (error) {
    // It is still a finding.
    if (!(error instanceof MillraceError)) throw error;
    return false;
  }
}

async function sweepBundles(broker: Broker, findings: readonly Finding[], swept: SweptFound): Promise<void> {
  for (const [pk, ofLedger] of Map.groupBy(findings, ({ item }) => item?.pk ?? '')) {
    const items = ofLedger.map(({ item }) => item).filter((item) => item !== undefined);
    const deleted = await deleteStrayBundles(broker, ledgerIdIn(pk), items);
    swept.items += deleted;
    if (deleted < items.length) swept.left.push(...ofLedger);
  }
}
