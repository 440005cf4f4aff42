/**
 * Connect in two workers that share the work over three topics of their own. The worker that reads the file is killed
 * in the middle; with `exactly.once.source.support` the topic has every line once all the same. Then both end and begin
 * anew.
 */
import assert from 'node:assert/strict';
import { freePort } from '../../support/peer.ts';
import { createTopics } from './admin.ts';
import { ConnectedFiles, workerProperties } from './connect-files.ts';
import { eventually } from './eventually.ts';
import { JavaProcess } from './jvm.ts';
import { writeProperties } from './properties.ts';
import type { Scenario, Surroundings } from './scenario.ts';

const LINES = 5_000;
const TOPIC = 'distributed';

interface Worker {
  process: JavaProcess;
  url: string;
}

interface ConnectorStatus {
  connector: { state: string };
  tasks: { state: string; worker_id: string }[];
}

export const connectDistributed: Scenario = {
  about: "Connect in two processes, exactly once from the source; the source's is killed, then all are started anew",
  run: async (surroundings) => {
    const { bootstrap, directory, note } = surroundings;
    await createTopics(bootstrap, { names: [TOPIC], partitions: 1 });
    const files = new ConnectedFiles(directory, TOPIC);
    let workers: Worker[] = await Promise.all([startWorker(surroundings), startWorker(surroundings)]);
    for (const { name = '', ...config } of [files.source, files.sink]) await configure(workers, name, config);
    files.append(LINES);
    await files.written();
    note(`two workers: ${files.count} lines through a topic, each once and in order`);

    const [task] = (await running(workers, files.source['name'] ?? '')).tasks;
    const victim = workers.find(({ url }) => url.endsWith(task?.worker_id ?? 'nobody'));
    assert.ok(victim !== undefined, `the source runs in ${task?.worker_id}`);
    files.append(LINES);
    await victim.process.kill();
    files.append(LINES);
    workers = [...workers.filter((each) => each !== victim), await startWorker(surroundings)];
    await files.written({ again: true });
    await files.copied(bootstrap);
    note(`the source's worker killed: ${files.count} lines in the topic, each once and in order`);

    for (const { process } of workers) await process.stop();
    files.append(LINES);
    workers = await Promise.all([startWorker(surroundings), startWorker(surroundings)]);
    await files.written({ again: true });
    await files.copied(bootstrap);
    for (const { process } of workers) await process.stop();
    note(`both ended and started anew: ${files.count} lines`);
  },
};

async function startWorker({ bootstrap, directory }: Surroundings): Promise<Worker> {
  const port = await freePort();
  const topics = ['config', 'offset', 'status'].flatMap((which) => [
    [`${which}.storage.topic`, `connect-${which}`],
    [`${which}.storage.replication.factor`, '1'],
  ]);
  const properties = {
    ...workerProperties(bootstrap),
    ...Object.fromEntries(topics),
    'group.id': 'connect',
    'exactly.once.source.support': 'enabled',
    // Who is silent is given up soon, and what it did is given to others at once.
    'session.timeout.ms': '6000',
    'heartbeat.interval.ms': '2000',
    'scheduled.rebalance.max.delay.ms': '1000',
    listeners: `http://127.0.0.1:${port}`,
  };
  const args = [writeProperties(directory, `worker-${port}`, properties)];
  const process = new JavaProcess({ main: 'org.apache.kafka.connect.cli.ConnectDistributed', args });
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    const answer = await fetch(`${url}/connectors`);
    assert.equal(answer.status, 200, await answer.text());
  });
  return { process, url };
}

async function configure([worker]: Worker[], name: string, config: Record<string, string>): Promise<void> {
  await eventually(async () => {
    const answer = await fetch(`${worker?.url}/connectors/${name}/config`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(config),
    });
    // A worker that is being rebalanced asks to try again.
    assert.ok(answer.ok, await answer.text());
  });
}

async function running([worker]: Worker[], name: string): Promise<ConnectorStatus> {
  return await eventually(async () => {
    const answer = await fetch(`${worker?.url}/connectors/${name}/status`);
    const status = (await answer.json()) as ConnectorStatus;
    assert.deepEqual(
      status.tasks.map(({ state }) => state),
      ['RUNNING'],
    );
    return status;
  });
}
