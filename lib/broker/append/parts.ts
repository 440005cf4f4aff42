/** What the append path works with. */
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import type { TieredObjectStore } from '../../storage/objects/tiered.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { HeadCache } from '../ledger/head-cache.ts';
import type { HeadWatcher } from '../ledger/head-watcher.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import type { Sealer } from '../ledger/sealer.ts';
import type { RunCache } from '../read/run-cache.ts';
import type { ReplicaKeeping } from '../replication/keeping.ts';

export interface AppenderParts {
  metadata: MetadataStore;
  objects: TieredObjectStore;
  heads: HeadCache;
  pages: PageCache;
  sealer: Sealer;
  runs: RunCache;
  /** Sees heads that others changed. */
  watcher: HeadWatcher;
  keeper: ReplicaKeeping;
  clock: Clock;
  random: Random;
  log: BrokerLog;
  /** How long a producer that appends no more is known (Kafka: `producer.id.expiration.ms`). */
  producerIdExpirationMs: number;
}

export function goneError(): MillraceError {
  return new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', 'The topic was deleted.');
}
