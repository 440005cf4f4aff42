/** Those of librdkafka's own tests that are over soon, with both kinds of groups; `librdkafka.ts` runs all of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithPeer } from '../support/peer.ts';
import { testsMissing } from './librdkafka/built-tree.ts';
import { BRIEFLY } from './librdkafka/expected.ts';
import { type Librdkafka, openLibrdkafka, type Run } from './librdkafka/run-tests.ts';

/** They wait more than they work. */
const PARALLEL = 6;
/** Some 40 s where nothing else runs. */
const RUN_MS_MAX = 150_000;

describeWithPeer(testsMissing())("librdkafka's tests", () => {
  let librdkafka: Librdkafka;
  beforeAll(() => {
    librdkafka = openLibrdkafka(['test.timeout.multiplier=2']);
  });
  afterAll(() => librdkafka.close());

  describe.each(['classic', 'consumer'] as const)('with groups of the %s protocol', (protocol) => {
    const names = BRIEFLY[protocol];
    let done: Run;
    beforeAll(async () => {
      done = await librdkafka.run(names, { protocol, msMax: RUN_MS_MAX, parallel: PARALLEL, quick: true });
    }, RUN_MS_MAX + 30_000);

    it.each(names)('%s', (name) => {
      expect(done.outcomes.get(name), done.output.slice(-3_000)).toBe('passed');
    });
  });
});
