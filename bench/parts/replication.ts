/**
 * Produce to topics with three replicas and acks=all against topics with one, each replica a directory of the same
 * disk.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { show } from '../figure.ts';
import type { LoadRequest } from '../load/job.ts';
import type { Part, PartContext } from '../part.ts';
import { jsonBody } from '../payloads.ts';
import type { Server } from '../processes/child.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import {
  answersPerSecond,
  bytesSentPerSecond,
  COMPARISON_COLUMNS,
  type Comparison,
  compare,
  comparisonRows,
} from '../rounds.ts';
import { produceRequests } from './raw-batches.ts';

const MIB = 1024 * 1024;
const PARTITIONS = 16;
const RECORDS = 100;
const BOUND = 0.4;
/** Of a round of raw batches, which bounds what it writes to the disk. */
const BATCHES_MAX = 192;

export const replication: Part = {
  name: 'replication',
  summary: 'produce with 3 replicas and acks=all against 1 replica, on directories',
  run: async (context) => {
    const server = await startMillrace(context, { replicas: 2 });
    try {
      const config = { 'min.insync.replicas': 2 };
      for (const name of ['json', 'raw']) {
        await createTopic(server, `${name}-by-three`, PARTITIONS, { replication_factor: 3, config });
        await createTopic(server, `${name}-by-one`, PARTITIONS);
      }
      const json = await compareJson(context, server);
      const raw = await compareRaw(context, server);
      return {
        figures: [
          {
            name: 'JSON produce with 3 replicas and acks=all, against 1',
            value: json.ratio,
            show: show.ratio,
            bound: { kind: 'at-least' as const, value: BOUND },
          },
          { name: 'Raw batches in with 3 replicas and acks=all, against 1', value: raw.ratio, show: show.ratio },
        ],
        tables: [
          table('JSON produce, 100 records of 1 KiB a request, 32 connections: 3 replicas against 1', 'requests', json),
          table('Raw batches of 1 MiB in, 8 connections: 3 replicas against 1', 'batches', raw),
        ],
      };
    } finally {
      await server.stop();
    }
  },
};

function compareJson(context: PartContext, server: Server): Promise<Comparison> {
  const requests = (topic: string): LoadRequest[] =>
    Array.from({ length: PARTITIONS }, (_, seed) => {
      const bodyFile = join(context.directory, `${seed}.json`);
      const shape = { records: RECORDS, valueBytes: 1_024, valueKind: 'text' as const, keyed: false };
      writeFileSync(bodyFile, jsonBody({ ...shape, seed }));
      const path = `/v1/topics/${topic}/partitions/${seed}/records`;
      return { method: 'POST', path, headers: { 'content-type': 'application/json' }, bodyFile };
    });
  const load = { connections: 32, warmUpMs: 700, measuredMs: 3_000, answersMax: 100_000, fileBytes: 3e9 };
  return compare(context, {
    measured: { name: '3 replicas', server, load: { ...load, requests: requests('json-by-three') } },
    baseline: { name: '1 replica', server, load: { ...load, requests: requests('json-by-one') } },
    rate: answersPerSecond,
  });
}

function compareRaw(context: PartContext, server: Server): Promise<Comparison> {
  const fileBytes = 3 * BATCHES_MAX * MIB;
  const load = { connections: 8, warmUpMs: 300, measuredMs: 5_000, answersMax: BATCHES_MAX, fileBytes };
  return compare(context, {
    measured: { name: '3 replicas', server, load: { ...load, requests: produceRequests(context, 'raw-by-three') } },
    baseline: { name: '1 replica', server, load: { ...load, requests: produceRequests(context, 'raw-by-one') } },
    rate: bytesSentPerSecond,
  });
}

function table(title: string, what: string, comparison: Comparison) {
  return { title, columns: COMPARISON_COLUMNS, rows: comparisonRows(what, comparison) };
}
