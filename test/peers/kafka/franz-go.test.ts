/** Those of franz-go's own tests that are over soon; `franz-go.ts` runs all that pass. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithPeer } from '../support/peer.ts';
import { testsMissing } from './franz-go/binary.ts';
import { QUICK, TRANSACTIONS } from './franz-go/expected.ts';
import { type FranzGo, type Run, startFranzGo } from './franz-go/run-tests.ts';

/** Few, for the tests of groups, which take a while whatever they pass on: members wait for their heartbeats. */
const RECORDS = 1_000;
const NAMES = [...QUICK, ...TRANSACTIONS];
/** Some 30 s where nothing else runs. */
const RUN_MS_MAX = 150_000;
const SETUP_MS_MAX = RUN_MS_MAX + 30_000;

describeWithPeer(await testsMissing())("franz-go's tests", () => {
  let franzGo: FranzGo;
  let done: Run;

  beforeAll(async () => {
    franzGo = await startFranzGo();
    done = await franzGo.run([...QUICK, 'TestTxnEtl'], { records: RECORDS, msMax: RUN_MS_MAX });
  }, SETUP_MS_MAX);
  afterAll(() => franzGo.close());

  it.each(NAMES)('%s', (name) => {
    expect(done.outcomes.get(name), done.output.slice(-2_000)).toBe('PASS');
  });
});
