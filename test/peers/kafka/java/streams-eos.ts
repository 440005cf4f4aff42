/**
 * Kafka Streams' test of exactly once: three processes of an application are killed and started anew while a driver
 * writes; then all end, and its verifier compares the input with every result, each of which must be there once and in
 * order.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createTopics } from './admin.ts';
import type { Scenario } from './scenario.ts';
import { StreamsProcess } from './streams.ts';

const TOPICS = ['data', 'echo', 'min', 'sum', 'repartition', 'max', 'cnt'];
const PARTITIONS = 5;

/** `complex`: with a second step over a topic in between. */
export function streamsEos({ complex }: { complex: boolean }): Scenario {
  return {
    about: `Kafka Streams' test of exactly once${complex ? ', with a repartition' : ''}, each of three processes killed once`,
    // It wants three replicas of its internal topics.
    serverFlags: (directory) => ['1', '2'].flatMap((name) => ['--replica-data', join(directory, `replica-${name}`)]),
    run: async ({ bootstrap, directory, note }) => {
      await createTopics(bootstrap, { names: TOPICS, partitions: PARTITIONS });
      const settings = { 'processing.guarantee': 'exactly_once_v2' };
      const start = (name: string, command: string) =>
        new StreamsProcess({ test: 'StreamsEosTest', command, bootstrap, settings, directory: join(directory, name) });
      const driver = start('driver', 'run');
      const names = ['first', 'second', 'third'];
      const processes: StreamsProcess[] = [];
      /** Does something to one of them, and waits for the others to go on with what they have then. */
      const afterwards = async (one: StreamsProcess, what: () => Promise<void>) => {
        const others = processes.filter((each) => each !== one).map((each) => [each, each.lines.length] as const);
        await what();
        for (const [each, mark] of others) await each.works(mark);
      };
      const add = async (name: string) => {
        const added = start(name, complex ? 'process-complex' : 'process');
        await afterwards(added, () => added.works());
        processes.push(added);
      };
      for (const name of names) await add(name);
      for (const name of names) {
        const [victim] = processes;
        assert.ok(victim !== undefined);
        await afterwards(victim, () => victim.kill());
        processes.shift();
        await add(name);
      }
      for (const each of processes.toReversed()) {
        const { stdout } = await each.stop();
        assert.match(stdout, /EOS-TEST-CLIENT-CLOSED/, each.said);
        assert.doesNotMatch(stdout, /EOS-TEST-CLIENT-EXCEPTION/, each.said);
      }
      const { stdout: written } = await driver.stop();
      const verifier = start('verifier', complex ? 'verify-complex' : 'verify');
      await verifier.ended();
      assert.ok(verifier.lines.includes('ALL-RECORDS-DELIVERED'), verifier.said);
      note(`${complex ? 'complex' : 'simple'}, each of three killed: ${/Producer closed: (.*)/.exec(written)?.[1]}`);
    },
  };
}
