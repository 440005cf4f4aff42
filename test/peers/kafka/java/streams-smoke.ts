/**
 * Kafka Streams' smoke test: aggregations, windows, suppression, joins and standby tasks over some thousand records, in
 * three processes that follow each other, the first two of which end in the middle. The driver verifies every result.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createTopics } from './admin.ts';
import type { Scenario } from './scenario.ts';
import { StreamsProcess } from './streams.ts';

type Guarantee = 'at_least_once' | 'exactly_once_v2';

export const SMOKE_TOPICS =
  'data fk echo max min min-suppressed min-raw dif sum sws-raw sws-suppressed cnt avg wcnt tagg'.split(' ');
const PARTITIONS = 5;
/** The driver writes for 90 s, and tries for six minutes to find what it expects. */
const DRIVER_MS_MAX = 480_000;

/** `crash`: the processes are killed instead of asked to end. */
export function streamsSmoke(guarantee: Guarantee, { crash }: { crash: boolean }): Scenario {
  return {
    about: `Kafka Streams' smoke test, ${guarantee}, with two processes that are ${crash ? 'killed' : 'ended'}`,
    run: async ({ bootstrap, directory, note }) => {
      await createTopics(bootstrap, { names: SMOKE_TOPICS, partitions: PARTITIONS });
      const program = { test: 'StreamsSmokeTest', bootstrap } as const;
      const settings = {
        'processing.guarantee': guarantee,
        'num.stream.threads': '3',
        'replication.factor': '1',
        'num.standby.replicas': '2',
        'buffered.records.per.partition': '100',
        'commit.interval.ms': '1000',
        'auto.offset.reset': 'earliest',
      };
      const start = (name: string) =>
        new StreamsProcess({ ...program, command: 'process', settings, directory: join(directory, name) });
      let current = start('first');
      await current.until('it was running', () =>
        current.lines.some((line) => line.includes('REBALANCING -> RUNNING')),
      );
      const driver = new StreamsProcess({ ...program, command: 'run', directory: join(directory, 'driver') });
      await current.works();
      for (const next of ['second', 'third']) {
        await (crash ? current.kill() : current.stop());
        current = start(next);
        await current.works();
        assert.ok(driver.running && !driver.lines.some((line) => line.includes('Result Verification')), 'too late');
      }
      const late = setTimeout(() => void driver.kill(), DRIVER_MS_MAX);
      const { stdout } = await driver.ended();
      clearTimeout(late);
      assert.match(stdout, /^SUCCESS$/m, driver.said);
      const { stdout: last } = await current.stop();
      assert.match(last, /SMOKE-TEST-CLIENT-CLOSED/);
      note(
        `${guarantee}, ${crash ? 'killed' : 'ended'} twice: ${/\d+ records produced(?![^]*records produced)/.exec(stdout)?.[0]}`,
      );
    },
  };
}
