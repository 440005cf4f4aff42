/**
 * Planted bugs: each undoes one rule of the protocol, at the stores, so that the program under test stays as it is. The
 * checkers must catch every one of them.
 */
import type { ReplicationRules } from '../../lib/broker/replication/rules.ts';
import type { Condition, ItemKey, Write } from '../../lib/kernel/items.ts';
import { isGrave } from '../../lib/log/ledger/grave.ts';
import { isHead } from '../../lib/log/ledger/head.ts';
import type { MetadataStore, WriteResult } from '../../lib/storage/metadata/port.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { groupPlants } from './groups/group-plants.ts';
import type { HistoryKind } from './kinds.ts';
import { lifecyclePlants } from './lifecycle/lifecycle-plants.ts';
import { producerPlants } from './producer-plants.ts';
import { replicationPlants } from './replication-plants.ts';
import { leavingOut, rewriting } from './rewritten-stores.ts';
import type { Scheduler, SimulatedProcess } from './scheduler.ts';
import type { SharedTable, TableAccess } from './stores.ts';
import type { DeliveryPorts } from './triggers/dispatch-servers.ts';
import { triggerPlants } from './triggers/trigger-plants.ts';

export interface PlantSite {
  scheduler: Scheduler;
  process: SimulatedProcess;
  table: SharedTable;
}

export interface Plant {
  /** What a program with this bug does. */
  about: string;
  /** The only histories in which it could show. */
  kind?: HistoryKind;
  metadata?(store: MetadataStore, site: PlantSite): MetadataStore;
  bucket?(store: ObjectStore, site: PlantSite): ObjectStore;
  /** What those who look after replicas go by. */
  rules?(rules: ReplicationRules): ReplicationRules;
  /** What becomes of the cursor that a member sends, by the table as it is. */
  cursor?(table: Pick<MetadataStore, 'get'>, memberId: string, cursor: string): Promise<string>;
  /** What dispatchers of triggers are made with; asked for each process. */
  delivery?(ports: DeliveryPorts): DeliveryPorts;
  /** Behind the network, where every request comes to pass, also a late one. */
  table?(table: TableAccess, site: PlantSite): TableAccess;
}

export const plants = {
  'sequence-before-upload': {
    about: 'gives records their offsets while their bytes are still on the way',
    bucket: (store, { scheduler, process }) => ({
      ...store,
      put: async (name, chunks) => {
        const later = scheduler.pause(process, scheduler.random.fraction() * 200).then(() => store.put(name, chunks));
        later.catch(() => {}); // a program with this bug does not hear of the failure
      },
    }),
  },
  'commit-id-ignored': {
    about: 'appends without looking whether the commit is in the ledger',
    metadata: rewriting((write) => withoutCondition(write, ({ clause }) => clause === 'lacks')),
  },
  'ids-dropped-at-seal': {
    about: 'forgets the ids of commits as soon as they are sealed',
    metadata: rewriting((write) => {
      if (write.kind !== 'update' || write.changes.dropFirst?.['t'] === undefined) return write;
      const { t } = write.changes.dropFirst;
      return { ...write, changes: { ...write.changes, set: { c: [] }, dropFirst: { t, r: t } } };
    }),
  },
  'seal-count-ignored': {
    about: 'appends however many seals there were since the writer looked',
    metadata: rewriting((write) => withoutCondition(write, ({ clause }) => clause === 'at-most')),
  },
  'sweep-without-fence': {
    about: 'deletes orphans without first closing their ledgers to them',
    metadata: (store) => ({
      ...store,
      write: async (writes): Promise<WriteResult> =>
        writes[0]?.kind === 'update' && isHead(writes[0].key) && writes[0].changes.set?.['w'] !== undefined
          ? { outcome: 'applied', item: await store.get(writes[0].key, 'strong') }
          : store.write(writes),
    }),
  },
  'seal-trims-own-view': {
    about: 'trims the tail by what the sealer saw, not by what the stored page holds',
    metadata: (store) => ({
      ...store,
      write: async (writes): Promise<WriteResult> => {
        const result = await store.write(writes);
        const isPage = writes[0]?.kind === 'put' && writes[0].key.sk.startsWith('page#');
        return isPage ? { outcome: 'applied' } : result;
      },
    }),
  },
  'stale-head': {
    about: 'answers out of range and latest from a head that is not strongly read',
    metadata: (store, { table }) => ({
      ...store,
      get: async (key, consistency) => {
        const item = await store.get(key, consistency);
        // A ledger without a head would be noticed at once.
        return key.sk === 'head' ? ((await table.stale(key)) ?? item) : item;
      },
    }),
  },
  'creation-unconditional': {
    about: 'creates topics whatever was deleted since the attempt began',
    metadata: leavingOut(({ kind, key }) => kind === 'check' && isDeletionCount(key)),
  },
  'deletion-keeps-heads': {
    about: 'deletes topics and leaves their ledgers to whoever still believes in them',
    metadata: leavingOut(({ kind, key }) => kind === 'delete' && key.sk === 'head'),
  },
  'deletion-forgets-tail': {
    about: 'deletes topics without regard to what is in no page yet',
    metadata: rewriting((write) => (write.kind === 'put' && isGrave(write.key) ? withoutTail(write) : write)),
  },
  ...producerPlants,
  ...replicationPlants,
  ...groupPlants,
  ...triggerPlants,
  ...lifecyclePlants,
} as const satisfies Record<string, Plant>;

export type PlantName = keyof typeof plants;

export function plantOf(name: PlantName | undefined): Plant | undefined {
  return name === undefined ? undefined : plants[name];
}

function isDeletionCount({ pk }: ItemKey): boolean {
  return pk.startsWith('deletions#');
}

function withoutTail(grave: Write & { kind: 'put' }): Write {
  return { ...grave, attributes: { ...grave.attributes, t: [] } };
}

function withoutCondition(write: Write, drop: (condition: Condition) => boolean): Write {
  if (write.kind !== 'update' || !write.key.sk.startsWith('head')) return write;
  return { ...write, conditions: write.conditions?.filter((condition) => !drop(condition)) };
}
