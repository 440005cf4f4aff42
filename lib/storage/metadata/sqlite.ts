/**
 * The embedded metadata store: one SQLite file (or memory) on Node's own `node:sqlite`.
 *
 * - Every call does its work synchronously, in the order of the calls; a promise only carries the result. All reads are
 *   therefore strongly consistent. With a clock, results are held back now and then: as long as there is a next call at
 *   once, nothing else would be done in the process.
 * - An answered write survives a crash of the process: it is in the write-ahead log, in the operating system's hands.
 *   It survives a power cut only with `fsync`; without, the last writes before the cut may be lost, never torn.
 * - The file belongs to one process at a time. It is locked while the store is open, which also spares the
 *   shared-memory index that SQLite otherwise keeps beside the log. So items that are written over and over, such as a
 *   ledger's head, are kept decoded: what is kept is what the file has.
 * - The bounds of DynamoDB (items, transactions, expressions, query pages) hold here too, so that what works on a
 *   laptop works deployed.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Attributes, Item, ItemKey, Write } from '../../kernel/items.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { Turns } from '../../kernel/turns.ts';
import { sqliteFault } from '../faults.ts';
import { applyChanges, evaluate, withoutNegativeZeros } from './apply.ts';
import { checkItemBytes, checkKey, checkWrites } from './check-writes.ts';
import { checkExpressions } from './dynamodb-expressions.ts';
import { decodeAttributes, encodeAttributes } from './item-codec.ts';
import { KeptItems } from './kept-items.ts';
import { keyCursor, parseKeyCursor } from './key-cursor.ts';
import { LogWriteback } from './log-writeback.ts';
import type { KeyPage, MetadataStore, Query, QueryPage, TableScan, WriteResult } from './port.ts';

export interface SqliteMetadataStoreOptions {
  /** A file, made if it is not there (its directory must be), or `:memory:`. */
  path: string;
  /** Waits for the disk at every write. */
  fsync?: boolean;
  /** Absent: no result is held back. */
  clock?: Clock;
}

const IN_MEMORY = ':memory:';
/** "MLRC", in the file's header: it says that the file is a store of Millrace. */
const APPLICATION_ID = 0x4d4c5243;
const FORMAT_VERSION = 1;

/** A head of 1 to 2 KiB stays on its page at this size, which halves the time of an update against SQLite's 4,096. */
const PAGE_BYTES = 8_192;
/**
 * Pages of the log (62.5 MiB) before it is copied into the file: a head that is written often is then copied once.
 * Every call waits meanwhile, and for both to be on the disk.
 */
const CHECKPOINT_PAGES = 8_000;
const CACHE_KIB = 16 * 1_024;
/** DynamoDB's measure of an item is at most twice the bytes here, so that smaller items need not be measured. */
const MEASURED_BYTES = storageLimits.itemBytesMax / 4;

/**
 * Throws a `MillraceError` that says why where the file can't be opened, is in use, or is not a store of this format.
 */
export function openSqliteMetadataStore({
  path,
  fsync = false,
  clock,
}: SqliteMetadataStoreOptions): MetadataStore & TableScan {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    prepareFile(database, path, fsync);
    return new SqliteMetadataStore(database, {
      turns: clock && new Turns({ clock, turnMs: storageLimits.embeddedTurnMsMax }),
      writeback: fsync || path === IN_MEMORY ? undefined : new LogWriteback(path),
    });
  } catch (error) {
    database?.close();
    throw sqliteFault(error, `the metadata file ${path} can't be opened`);
  }
}

function prepareFile(database: DatabaseSync, path: string, fsync: boolean): void {
  database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA locking_mode = EXCLUSIVE`);
  const version = pragma(database, 'user_version');
  if (version === 0 && isEmpty(database)) {
    create(database);
  } else if (pragma(database, 'application_id') !== APPLICATION_ID) {
    throw new MillraceError('KAFKA_STORAGE_ERROR', `The file ${path} is not a metadata store of Millrace.`);
  } else if (version !== FORMAT_VERSION) {
    const detail = `The metadata file ${path} has format ${Number(version)}; this version of Millrace reads ${FORMAT_VERSION}.`;
    throw new MillraceError('KAFKA_STORAGE_ERROR', detail);
  }
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${fsync ? 'FULL' : 'NORMAL'};
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA cache_size = -${CACHE_KIB};
    BEGIN IMMEDIATE;
    COMMIT;
  `);
}

/** The table and the marks of the format appear together or not at all. */
function create(database: DatabaseSync): void {
  database.exec(`
    BEGIN EXCLUSIVE;
    CREATE TABLE items (
      pk TEXT NOT NULL,
      sk TEXT NOT NULL,
      attributes BLOB NOT NULL,
      PRIMARY KEY (pk, sk)
    ) STRICT, WITHOUT ROWID;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${FORMAT_VERSION};
    COMMIT;
  `);
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}

interface Row {
  sk: string;
  attributes: Uint8Array;
}

/** What one write comes to: applied, with the new item if there is one, or refused with the item as it is. */
type Step = { applied: true; item?: Attributes } | { applied: false; item: Attributes | undefined };

interface SqliteHelp {
  turns: Turns | undefined;
  writeback: LogWriteback | undefined;
}

class SqliteMetadataStore implements MetadataStore, TableScan {
  private readonly database: DatabaseSync;
  private readonly statements: Record<'begin' | 'commit' | 'rollback' | 'select' | 'upsert' | 'delete', StatementSync>;
  private readonly queries = new Map<string, StatementSync>();
  private readonly kept = new KeptItems();
  private readonly turns: Turns | undefined;
  private readonly writeback: LogWriteback | undefined;

  constructor(database: DatabaseSync, { turns, writeback }: SqliteHelp) {
    this.database = database;
    this.turns = turns;
    this.writeback = writeback;
    this.statements = {
      begin: database.prepare('BEGIN IMMEDIATE'),
      commit: database.prepare('COMMIT'),
      rollback: database.prepare('ROLLBACK'),
      select: database.prepare('SELECT attributes FROM items WHERE pk = ? AND sk = ?'),
      upsert: database.prepare(
        'INSERT INTO items VALUES (?, ?, ?) ON CONFLICT (pk, sk) DO UPDATE SET attributes = excluded.attributes',
      ),
      delete: database.prepare('DELETE FROM items WHERE pk = ? AND sk = ?'),
    };
  }

  async get(key: ItemKey): Promise<Attributes | undefined> {
    checkKey(key);
    return this.answered('a read', () => this.read(key));
  }

  async query(query: Query): Promise<QueryPage> {
    return this.answered('a query', () => this.page(query));
  }

  async scanKeys(cursor?: string): Promise<KeyPage> {
    const after = cursor === undefined ? { pk: '', sk: '' } : parseKeyCursor(cursor);
    return this.answered('a scan', () => {
      const sql = 'SELECT pk, sk FROM items WHERE (pk, sk) > (?, ?) ORDER BY pk, sk LIMIT ?';
      const rows = this.database
        .prepare(sql)
        .all(after.pk, after.sk, checkLimits.scanPageItems) as unknown as ItemKey[];
      const keys = rows.map(({ pk, sk }) => ({ pk, sk }));
      const last = keys.at(-1);
      return last === undefined || keys.length < checkLimits.scanPageItems ? { keys } : { keys, next: keyCursor(last) };
    });
  }

  async write(writes: readonly Write[]): Promise<WriteResult> {
    checkWrites(writes);
    for (const write of writes) checkExpressions(write);
    return this.answered('a write', () => this.transact(writes));
  }

  async close(): Promise<void> {
    if (this.database.isOpen) this.database.close();
    await this.writeback?.close();
  }

  private transact(writes: readonly Write[]): WriteResult {
    this.statements.begin.run();
    let result: WriteResult;
    try {
      result = this.carryOut(writes);
    } catch (error) {
      this.rollBack();
      throw error;
    }
    if (result.outcome === 'refused') {
      this.rollBack();
      return result;
    }
    try {
      this.statements.commit.run();
      this.writeback?.appended();
    } catch (error) {
      // A log that could not be written to its end may or may not hold the transaction when it is read again.
      this.rollBack();
      throw sqliteFault(error, 'a write of the metadata file failed', 'unknown');
    }
    return result;
  }

  /** SQLite ends some transactions by itself, such as one that filled the disk. */
  private rollBack(): void {
    this.kept.clear();
    if (this.database.isTransaction) this.statements.rollback.run();
  }

  /** A refused write stops the others; what was written before it is rolled back by the caller. */
  private carryOut(writes: readonly Write[]): WriteResult {
    let item: Attributes | undefined;
    for (const [index, write] of writes.entries()) {
      const step = this.step(write);
      if (!step.applied) return { outcome: 'refused', index, item: step.item };
      item = step.item;
    }
    return writes.length === 1 && item !== undefined ? { outcome: 'applied', item } : { outcome: 'applied' };
  }

  private step(write: Write): Step {
    const { key, conditions = [] } = write;
    const needsItem = write.kind === 'update' || conditions.length > 0;
    const before = needsItem ? this.read(key) : undefined;
    if (!evaluate(conditions, before)) return { applied: false, item: before };
    switch (write.kind) {
      case 'put':
        this.kept.delete(key);
        this.store(key, write.attributes);
        return { applied: true, item: withoutNegativeZeros(write.attributes) };
      case 'update': {
        const after = applyChanges(before, write.changes);
        const bytes = this.store(key, after);
        if (bytes <= storageLimits.keptItemBytesMax) this.kept.keep(key, after);
        else this.kept.delete(key);
        return { applied: true, item: after };
      }
      case 'delete':
        this.kept.delete(key);
        this.statements.delete.run(key.pk, key.sk);
        return { applied: true };
      case 'check':
        return { applied: true };
    }
  }

  private read(key: ItemKey): Attributes | undefined {
    const kept = this.kept.get(key);
    if (kept !== undefined) return kept;
    const row = this.statements.select.get(key.pk, key.sk) as unknown as Row | undefined;
    return row === undefined ? undefined : decodeAttributes(row.attributes);
  }

  /** How many bytes it is in the table. */
  private store(key: ItemKey, attributes: Attributes): number {
    const bytes = encodeAttributes(attributes);
    if (bytes.length > MEASURED_BYTES) checkItemBytes(key, attributes);
    this.statements.upsert.run(key.pk, key.sk, bytes);
    return bytes.length;
  }

  private page({ pk, from, to, descending = false, limit }: Query): QueryPage {
    const bounds = [pk, ...(from === undefined ? [] : [from]), ...(to === undefined ? [] : [to])];
    const rows = this.queryStatement(from !== undefined, to !== undefined, descending).iterate(...bounds, limit);
    const items: Item[] = [];
    let bytes = 0;
    let last = '';
    for (const { sk, attributes } of rows as unknown as Iterable<Row>) {
      items.push({ key: { pk, sk }, attributes: decodeAttributes(attributes) });
      last = sk;
      bytes += attributes.length;
      if (items.length < limit && bytes < storageLimits.queryPageBytesMax) continue;
      // The smallest sort key after `last` is `last` with a zero byte; descending, the bound itself is exclusive.
      return { items, next: descending ? last : `${last}\0` };
    }
    return { items };
  }

  private queryStatement(hasFrom: boolean, hasTo: boolean, descending: boolean): StatementSync {
    const range = `${hasFrom ? ' AND sk >= ?' : ''}${hasTo ? ' AND sk < ?' : ''}`;
    const sql = `SELECT sk, attributes FROM items WHERE pk = ?${range} ORDER BY sk ${descending ? 'DESC' : 'ASC'} LIMIT ?`;
    let statement = this.queries.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      this.queries.set(sql, statement);
    }
    return statement;
  }

  private answered<T>(what: string, work: () => T): T | Promise<T> {
    const result = this.guarded(what, work);
    const pause = this.turns?.nextBreak();
    return pause === undefined ? result : pause.then(() => result);
  }

  private guarded<T>(what: string, work: () => T): T {
    if (!this.database.isOpen) throw new MillraceError('KAFKA_STORAGE_ERROR', 'The metadata store is closed.');
    try {
      return work();
    } catch (error) {
      throw sqliteFault(error, `${what} of the metadata file failed`);
    }
  }
}
