/** The sender against a producer that settles when the test says so. */
import { expect, it } from 'vitest';
import { LineSender, type ParsedLine } from '../../../lib/cli/produce/sender.ts';
import { type ClientErrorCode, MillraceClientError } from '../../../lib/client/errors.ts';
import type { Producer } from '../../../lib/client/producer/producer.ts';
import { type DeliveryResult, type Receipt, SendError } from '../../../lib/client/producer/record.ts';
import { cliLimits } from '../../../lib/kernel/limits/cli.ts';
import { idle } from '../../support/manual-clock.ts';

const QUARTER = cliLimits.cliUnwrittenBytesMax / 4;

function world() {
  const sent: PromiseWithResolvers<Receipt[]>[] = [];
  const producer = {
    send: () => {
      const call = Promise.withResolvers<Receipt[]>();
      sent.push(call);
      return call.promise;
    },
  } as unknown as Producer<Uint8Array, Uint8Array>;
  const refused: string[] = [];
  let failures = 0;
  const sender = new LineSender({
    producer,
    topic: 't',
    onRefused: (label, reason) => refused.push(`${label}: ${reason}`),
    onFailure: () => failures++,
  });
  return { sent, sender, refused, failures: () => failures };
}

function lines(count: number, bytes = 1): ParsedLine[] {
  return Array.from({ length: count }, (_, index) => ({ label: `line ${index + 1}`, record: {}, bytes }));
}

const receipt = (partition: number, offset: number): Receipt => ({ topic: 't', partition, offset });

function failure(code: ClientErrorCode): MillraceClientError {
  return new MillraceClientError(code, `said ${code}`, { retriable: false, effect: 'none' });
}

it('waits while much is unwritten, and goes on when some of it is written', async () => {
  const { sent, sender } = world();
  for (let count = 0; count < 3; count++) await sender.send(lines(1, QUARTER));
  let room = false;
  const waiting = sender.send(lines(1, QUARTER)).then(() => (room = true));
  await idle();
  expect([sent.length, room]).toEqual([3, false]);
  sent[0]?.resolve([receipt(0, 0)]);
  await waiting;
  expect([sent.length, sender.written]).toEqual([4, 1]);
});

it('takes lines that are more than there is room for, when nothing else is unwritten', async () => {
  const { sent, sender } = world();
  await sender.send(lines(1, 8 * QUARTER));
  expect(sent).toHaveLength(1);
});

it('counts what is written where, and refuses lines by their names', async () => {
  const { sent, sender, refused, failures } = world();
  await sender.send(lines(3));
  const results: DeliveryResult[] = [receipt(1, 7), { error: failure('MESSAGE_TOO_LARGE') }, receipt(0, 3)];
  sent[0]?.reject(new SendError(results, failure('MESSAGE_TOO_LARGE')));
  await sender.send(lines(1));
  sent[1]?.resolve([receipt(1, 8)]);
  await idle();
  expect(refused).toEqual(['line 2: said MESSAGE_TOO_LARGE.']);
  expect([sender.written, sender.failed, failures()]).toEqual([3, 0, 0]);
  expect(sender.summary()).toEqual([
    { partition: 0, records: 1, firstOffset: 3, lastOffset: 3 },
    { partition: 1, records: 2, firstOffset: 7, lastOffset: 8 },
  ]);
});

it('ends at the first failure of another kind: what waits for room is not sent', async () => {
  const { sent, sender, refused, failures } = world();
  for (let count = 0; count < 3; count++) await sender.send(lines(1, QUARTER));
  const waiting = sender.send(lines(1, 3 * QUARTER));
  sent[0]?.reject(failure('FORBIDDEN'));
  await waiting;
  sent[1]?.reject(failure('FORBIDDEN'));
  await sender.send(lines(1));
  await idle();
  expect(sent).toHaveLength(3);
  expect([sender.failed, failures(), refused.length]).toEqual([2, 1, 0]);
  expect(sender.failure).toMatchObject({ code: 'FORBIDDEN' });
});
