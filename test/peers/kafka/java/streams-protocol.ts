/**
 * Groups that brokers of Kafka assign the tasks of Streams to (`group.protocol=streams`, KIP-1071) are not served: that
 * is said, at once.
 */
import { createTopics } from './admin.ts';
import type { Scenario } from './scenario.ts';
import { StreamsProcess } from './streams.ts';
import { SMOKE_TOPICS } from './streams-smoke.ts';

const WHY = 'UnsupportedVersionException: The cluster does not support the STREAMS group protocol';

export const streamsProtocol: Scenario = {
  about: 'Streams with `group.protocol=streams`, which is not served, says so and ends',
  run: async ({ bootstrap, directory, note }) => {
    await createTopics(bootstrap, { names: SMOKE_TOPICS, partitions: 1 });
    const guarantee = { 'processing.guarantee': 'at_least_once', 'replication.factor': '1' };
    const settings = { ...guarantee, 'group.protocol': 'streams' };
    const program = { test: 'StreamsSmokeTest', command: 'process', bootstrap, directory, settings } as const;
    const application = new StreamsProcess(program);
    const said = (what: string) => application.lines.some((line) => line.includes(what));
    await application.until('it said why it cannot run', () => said(WHY));
    await application.until('it gave up', () => said('PENDING_ERROR -> ERROR'));
    // The test's own process waits for somebody to end it.
    await application.stop();
    note(`group.protocol=streams fails at once: ${WHY}`);
  },
};
