/** Resident memory of the server while 2 GiB go in, and then out again, as fast as they can. */
import { show } from '../figure.ts';
import type { LoadRequest } from '../load/job.ts';
import type { Part, PartContext } from '../part.ts';
import { generateLoad, type Server } from '../processes/child.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import { residentBytes } from '../processes/process-figures.ts';
import { fetchRequest, produceRequests } from './raw-batches.ts';

/** 2 GiB of batches of 1 MiB. */
const BATCHES = 2_048;
const RECORDS = 1_000;
const BOUND_BYTES = 400e6;
const SAMPLE_MS = 50;

export const memory: Part = {
  name: 'memory',
  summary: 'resident memory of the server while 2 GiB of raw batches go in and out (8 connections)',
  run: async (context) => {
    if (process.platform !== 'linux') {
      return { figures: [{ name: 'Resident memory', skipped: 'it is read from /proc, which only Linux has' }] };
    }
    const server = await startMillrace(context);
    try {
      await createTopic(server, 'raw', 1);
      const idle = residentBytes(server.pid).now;
      const into = await passing(context, server, 'in', produceRequests(context, 'raw'));
      const positions = Array.from({ length: BATCHES }, (_, index) => fetchRequest('raw', index * RECORDS));
      const out = await passing(context, server, 'out', positions);
      const { peak } = residentBytes(server.pid);
      return {
        figures: [
          {
            name: 'Resident memory, peak, 2 GiB in and 2 GiB out',
            value: peak,
            show: show.megabytes,
            bound: { kind: 'below', value: BOUND_BYTES },
            note: `idle ${show.megabytes(idle)}, highest sample going in ${show.megabytes(into)}, going out ${show.megabytes(out)}`,
          },
        ],
      };
    } finally {
      await server.stop();
    }
  },
};

/** The highest of the samples taken while the batches pass. */
async function passing(context: PartContext, server: Server, way: string, requests: LoadRequest[]): Promise<number> {
  let highest = 0;
  const sampler = setInterval(() => {
    highest = Math.max(highest, residentBytes(server.pid).now);
  }, SAMPLE_MS);
  const load = { connections: 8, requests, warmUpMs: 0, measuredMs: 300_000, answersMax: BATCHES };
  try {
    const result = await generateLoad({ ...load, port: server.port, serverPid: server.pid });
    const rate = (result.answers * 1.048576) / result.seconds;
    context.progress(`${result.answers} MiB ${way} at ${rate.toFixed(0)} MB/s, at most ${show.megabytes(highest)}`);
    if (result.answers < BATCHES) throw new Error(`only ${result.answers} of ${BATCHES} MiB passed in time`);
    return highest;
  } finally {
    clearInterval(sampler);
  }
}
