/** Records as another client than Java's writes and sees them: kcat. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

export interface SeenRecord {
  partition: number;
  offset: number;
  timestamp: number;
  key: string | null;
  value: string | null;
  headers: readonly (readonly [string, string])[];
}

interface KcatEnvelope {
  partition: number;
  offset: number;
  ts: number;
  key: string | null;
  payload: string | null;
  headers?: string[];
}

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const MS_MAX = 120_000;

/** All records of a topic that are committed, by partition and offset. */
export async function readTopic(bootstrap: string, topic: string): Promise<SeenRecord[]> {
  const args = ['-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-J', '-X', 'isolation.level=read_committed'];
  const records = (await kcat(bootstrap, args)).map(seen);
  return records.sort((one, other) => one.partition - other.partition || one.offset - other.offset);
}

/** Reads so many records as the only member of a group, which remembers them. */
export async function readInGroup(bootstrap: string, group: string, topic: string, count: number): Promise<void> {
  const args = ['-X', 'auto.offset.reset=earliest', '-q', '-c', `${count}`, '-G', group, topic];
  assert.equal((await kcat(bootstrap, args)).length, count);
}

export interface KeyedRecords {
  topic: string;
  /** Of every record. */
  headers: Readonly<Record<string, string>>;
  /** Key and value. */
  records: readonly (readonly [string, string])[];
}

export async function writeRecords(bootstrap: string, { topic, headers, records }: KeyedRecords): Promise<void> {
  const given = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]);
  const child = spawn('kcat', ['-b', bootstrap, '-P', '-t', topic, '-K', '\t', ...given], {
    stdio: ['pipe', 'inherit', 'inherit'],
    timeout: MS_MAX,
  });
  child.stdin.end(records.map((pair) => `${pair.join('\t')}\n`).join(''));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, 'kcat could not write');
}

async function kcat(bootstrap: string, args: readonly string[]): Promise<string[]> {
  const all = ['-b', bootstrap, '-X', 'broker.address.family=v4', ...args];
  const { stdout } = await promisify(execFile)('kcat', all, { maxBuffer: OUTPUT_BYTES_MAX, timeout: MS_MAX });
  return stdout.split('\n').filter(Boolean);
}

function seen(line: string): SeenRecord {
  const { partition, offset, ts, key, payload, headers = [] } = JSON.parse(line) as KcatEnvelope;
  const pairs = Array.from({ length: headers.length / 2 }, (_, index) => {
    const [name = '', value = ''] = headers.slice(2 * index);
    return [name, value] as const;
  });
  return { partition, offset, timestamp: ts, key, value: payload, headers: pairs };
}
