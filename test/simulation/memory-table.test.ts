import { metadataStoreContract } from '../contract/metadata-store.ts';
import { tableScanContract } from '../contract/table-scan.ts';
import { MemoryTable } from './memory-table.ts';

metadataStoreContract('of maps', async () => new MemoryTable());
tableScanContract('of maps', async () => new MemoryTable());
