/**
 * Two `TransactionalMessageCopier`s of a group copy a topic while one of them is killed, several times, and started
 * anew with its transactional id, and aborts every third transaction or so. What can be read of the copy must be the
 * input: every partition the same records in the same order, none twice.
 */
import assert from 'node:assert/strict';
import { createTopics } from './admin.ts';
import { JavaProcess, runJava } from './jvm.ts';
import { readTopic } from './kcat.ts';
import { assertSame } from './same.ts';
import type { Scenario } from './scenario.ts';
import { verifiableProducer } from './verifiable-producer.ts';

interface Copying {
  records: number;
  transactionSize: number;
  kills: number;
}

interface Status {
  stage: string;
  totalProcessed: number;
  remaining: number;
}

const PARTITIONS = 4;
const COPY_MS_MAX = 240_000;
const [INPUT, OUTPUT, GROUP] = ['copier-input', 'copier-output', 'copiers'];

export const copier: Scenario = {
  about: 'two TransactionalMessageCopiers of a group, killed four times',
  run: async ({ bootstrap, note }) => {
    const copying = { records: 20_000, transactionSize: 50, kills: 4 };
    await copyTransactionally(bootstrap, copying);
    const { records, kills, transactionSize } = copying;
    note(`${records} records copied exactly once and in order, ${transactionSize} a transaction, ${kills} kills`);
  },
};

/** Resolves with how many records have been copied. */
export async function copyTransactionally(bootstrap: string, copying: Copying): Promise<number> {
  const { records, kills } = copying;
  await createTopics(bootstrap, { names: [INPUT, OUTPUT], partitions: PARTITIONS });
  await runJava(verifiableProducer({ bootstrap, topic: INPUT, records }));
  const input = (await readTopic(bootstrap, INPUT)).map(({ partition, value }) => ({ partition, value }));
  assert.equal(input.length, records);

  const copiers = [0, 1].map((index) => startCopier(bootstrap, index, copying));
  for (let kill = 0; kill < kills; kill++) {
    const [index, victim] = await firstToCopy(copiers);
    await victim.kill();
    copiers[index] = startCopier(bootstrap, index, copying);
  }
  for (const each of copiers) {
    const { code } = await each.ended();
    assert.equal(code, 0, each.said);
  }
  const output = (await readTopic(bootstrap, OUTPUT)).map(({ partition, value }) => ({ partition, value }));
  assertSame(output, input);
  return output.length;
}

/**
 * Whichever is in the middle of its work first: on a quick machine one has copied everything by the time that the
 * other, which has come a moment later, is given partitions.
 */
function firstToCopy(copiers: readonly JavaProcess[]): Promise<[number, JavaProcess]> {
  const inTheMiddle = copiers.map(async (copier, index): Promise<[number, JavaProcess]> => {
    await copier.until('it was in the middle of copying', () => {
      const { totalProcessed, remaining } = statusOf(copier);
      return totalProcessed > 0 && remaining > 0;
    });
    return [index, copier];
  });
  return Promise.any(inTheMiddle);
}

function startCopier(bootstrap: string, index: number, { transactionSize }: Copying): JavaProcess {
  const topics = ['--input-topic', INPUT, '--input-partition', '-1', '--output-topic', OUTPUT];
  const how = ['--group-mode', '--use-group-metadata', '--enable-random-aborts', '--transaction-size'];
  return new JavaProcess({
    main: 'org.apache.kafka.tools.TransactionalMessageCopier',
    args: ['--broker-list', bootstrap, ...topics, ...how, `${transactionSize}`].concat([
      '--consumer-group',
      GROUP,
      '--transactional-id',
      `copier-${index}`,
    ]),
    msMax: COPY_MS_MAX,
  });
}

function statusOf(copier: JavaProcess): Status {
  const last = copier.lines.at(-1);
  return last === undefined ? { stage: 'none', totalProcessed: 0, remaining: -1 } : (JSON.parse(last) as Status);
}
