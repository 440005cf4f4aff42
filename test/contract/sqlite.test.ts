import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { lateCreationContract } from './late-creations.ts';
import { metadataStoreContract } from './metadata-store.ts';
import { tableScanContract } from './table-scan.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-'));
afterAll(() => rmSync(directory, { recursive: true }));

metadataStoreContract('sqlite in memory', async () => openSqliteMetadataStore({ path: ':memory:' }));
metadataStoreContract('sqlite in a file', async () =>
  openSqliteMetadataStore({ path: join(directory, `${randomUUID()}.sqlite`) }),
);
lateCreationContract('sqlite', async () => openSqliteMetadataStore({ path: ':memory:' }));
tableScanContract('sqlite', async () => openSqliteMetadataStore({ path: ':memory:' }));
