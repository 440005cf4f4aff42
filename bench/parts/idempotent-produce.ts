/** JSON produce of idempotent producers, one a connection, against the same requests without sequences. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { show } from '../figure.ts';
import type { Part } from '../part.ts';
import { jsonBody } from '../payloads.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import { answersPerSecond, COMPARISON_COLUMNS, compare, comparisonRows } from '../rounds.ts';

const CONNECTIONS = 16;
const PARTITIONS = 16;
const RECORDS = 100;
const BOUND = 0.9;
/** More than a round brings at any rate seen so far. */
const FILE_BYTES = 1.5e9;

export const idempotentProduce: Part = {
  name: 'idempotent-produce',
  summary: 'requests/s of JSON produce with sequences, 16 producers, against the same without',
  run: async (context) => {
    const server = await startMillrace(context);
    try {
      const topic = 'idempotent';
      await createTopic(server, topic, PARTITIONS);
      const requests = Array.from({ length: PARTITIONS }, (_, partition) => {
        const bodyFile = join(context.directory, `${partition}.json`);
        const shape = { records: RECORDS, valueBytes: 1_024, valueKind: 'text' as const, keyed: false };
        writeFileSync(bodyFile, jsonBody({ ...shape, seed: partition }));
        const path = `/v1/topics/${topic}/partitions/${partition}/records`;
        return { method: 'POST' as const, path, headers: { 'content-type': 'application/json' }, bodyFile };
      });
      const load = {
        connections: CONNECTIONS,
        requests,
        warmUpMs: 700,
        measuredMs: 3_000,
        answersMax: 100_000,
        fileBytes: FILE_BYTES,
      };
      const compared = await compare(context, {
        measured: { name: 'with sequences', server, load: { ...load, recordsSequenced: RECORDS } },
        baseline: { name: 'without', server, load: { ...load, recordsSequenced: 0 } },
        rate: answersPerSecond,
      });
      const failures = compared.measured.reduce((sum, result) => sum + result.failures, 0);
      if (failures > 0) throw new Error(`${failures} requests with sequences failed`);
      return {
        figures: [
          {
            name: 'JSON produce with sequences, against without',
            value: compared.ratio,
            show: show.ratio,
            bound: { kind: 'at-least', value: BOUND },
          },
        ],
        tables: [
          {
            title: 'JSON produce with sequences, 100 records of 1 KiB a request, 16 connections, against without',
            columns: COMPARISON_COLUMNS,
            rows: comparisonRows('sequences', compared),
          },
        ],
      };
    } finally {
      await server.stop();
    }
  },
};
