/** The local server with further directories, as a process: what their state lets it do when it starts, and keeps. */
import { chmod, chown, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cleanUp, type LocalProcess, startLocal, temporaryDirectory } from '../support/local-process.ts';

/** The modes of files mean nothing to root, so the server runs as nobody where the tests run as root. */
const NOBODY = process.getuid?.() === 0 ? 65_534 : undefined;

let root: string;

beforeEach(async () => {
  root = await temporaryDirectory();
  if (NOBODY !== undefined) await chown(root, NOBODY, NOBODY);
});
afterEach(cleanUp);

const at = (name: string) => join(root, name);

function start(...directories: string[]): LocalProcess {
  const replicas = directories.flatMap((name) => ['--replica-data', at(name)]);
  return startLocal(['--data', at('data'), ...replicas], { uid: NOBODY });
}

interface Described {
  replication_factor: number;
  partition_details: { leader: number; leader_epoch: number; replicas: number[]; isr: number[] }[];
}

async function create(url: string, name: string, replicationFactor: number) {
  const response = await fetch(`${url}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      name,
      partitions: 3,
      replication_factor: replicationFactor,
      config: { 'ledger.partitions': 1 },
    }),
  });
  return { status: response.status, body: (await response.json()) as Described & { detail?: string } };
}

async function describeTopic(url: string, name: string): Promise<Described> {
  return (await (await fetch(`${url}/v1/topics/${name}`)).json()) as Described;
}

describe('the local server with further directories', () => {
  it('has topics with as many replicas, which keep their numbers over a restart', async () => {
    const first = start('b', 'c=zone-c');
    const url = await first.url();
    expect(await create(url, 'too-many', 4)).toMatchObject({
      status: 400,
      body: {
        code: 'INVALID_REPLICATION_FACTOR',
        detail: expect.stringContaining('3 replicas are configured') as string,
      },
    });
    const { status, body } = await create(url, 'orders', 3);
    expect(status).toBe(201);
    expect(body.replication_factor).toBe(3);
    const leaders = body.partition_details.map(({ leader }) => leader);
    expect(leaders.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    for (const { leader, replicas, isr } of body.partition_details) {
      expect(replicas).toEqual([leader, (leader + 1) % 3, (leader + 2) % 3]);
      expect(isr).toEqual(replicas);
    }
    expect(await describeTopic(url, 'orders')).toEqual(body);
    expect(first.stderr).toBe('');
    await first.stop();
    expect((await readdir(at('c'))).toSorted()).toEqual(['objects', 'replica.json']);

    const second = start('c=zone-c', 'b');
    expect(await describeTopic(await second.url(), 'orders')).toEqual(body);
    expect(second.stderr).toBe('');
  });

  it('starts without one that is missing, and says so', async () => {
    await (await startedOnce('b', 'c')).stop();
    await rename(at('b'), at('away'));
    const local = start('b', 'c');
    const url = await local.url();
    expect(local.stderr).toContain('a replica cannot be used, and counts as down until it can');
    expect(local.stderr).toContain('is gone');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await describeTopic(url, 'orders')).replication_factor).toBe(3);
    expect(await readdir(root)).not.toContain('b');
  });

  it('starts with one that cannot be written to, and with one whose directory cannot be made', async () => {
    await (await startedOnce('b', 'c')).stop();
    await chmod(at('b/objects'), 0o500);
    await mkdir(at('locked'));
    await chmod(at('locked'), 0o500);
    const local = start('b', 'c', 'locked/d');
    const url = await local.url();
    expect(local.stderr.match(/permission denied/g)).toHaveLength(2);
    expect((await create(url, 'more', 4)).status).toBe(201);
    expect((await describeTopic(url, 'orders')).replication_factor).toBe(3);
    await local.stop();
    await chmod(at('b/objects'), 0o700);
    const again = start('b', 'c');
    await again.url();
    expect(again.stderr).toContain('not among the directories any more');
    expect(again.stderr).not.toContain('permission denied');
  });

  it('starts with one that was emptied, and leaves it alone', async () => {
    await (await startedOnce('b', 'c')).stop();
    await rm(at('c'), { recursive: true });
    await mkdir(at('c'));
    const local = start('b', 'c');
    await local.url();
    expect(local.stderr).toContain("A replica's bucket was emptied or exchanged");
    expect(await readdir(at('c'))).toEqual([]);
  });

  it('refuses to start with the replica of another data directory', async () => {
    await (await startedOnce('b', 'c')).stop();
    const other = startLocal(['--data', at('other'), '--replica-data', at('c')], { uid: NOBODY });
    expect(await other.exit).toEqual({ code: 1, signal: null });
    expect(other.stderr).toMatch(/^millrace: .* is a replica of another data directory\.\n$/);
  });
});

/** With a topic in all of them. */
async function startedOnce(...directories: string[]): Promise<LocalProcess> {
  const local = start(...directories);
  expect((await create(await local.url(), 'orders', directories.length + 1)).status).toBe(201);
  return local;
}
