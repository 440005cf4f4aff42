/** A local server's handler that writes down when it was started, by the wall clock, for each record that it has. */
import { appendFileSync } from 'node:fs';
import type { MSKEvent } from 'aws-lambda';

export function handler(event: MSKEvent): void {
  const startedMs = performance.timeOrigin + performance.now();
  const path = process.env['STARTED_FILE'] as string;
  for (const { value } of Object.values(event.records).flat()) {
    appendFileSync(path, `${Buffer.from(value, 'base64').toString()} ${startedMs}\n`);
  }
}
