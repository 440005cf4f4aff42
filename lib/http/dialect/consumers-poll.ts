/** The records of a consumer instance. */
import { pollInstance } from '../../broker/instances/poll-instance.ts';
import { readInstance } from '../../broker/instances/store.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { typedAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { waitingFor } from '../native/fetch-request.ts';
import { rackOf } from '../native/rack-header.ts';
import { malformedField } from '../problems.ts';
import { pollRoute } from './consumers-routes.ts';
import { DialectError, FORMAT_MISMATCH, ILLEGAL_STATE } from './errors.ts';
import { recordsType } from './media-types.ts';
import { type DialectCall, mountDialectRoute } from './mount.ts';
import { authorizeFor, instanceOf } from './places.ts';
import { renderPolled } from './render-records.ts';

/** How long the bridge waits where nothing is said. */
const TIMEOUT_MS_DEFAULT = 100;

export function mountDialectPoll(door: Door): void {
  const { broker } = door.options;
  mountDialectRoute(door, pollRoute, async (call) => {
    const id = instanceOf(call);
    const timeoutMs = numberOf(call, 'timeout') ?? TIMEOUT_MS_DEFAULT;
    const contentBytesMax = numberOf(call, 'max_bytes');
    const instance = await readInstance(broker, id);
    const { format, waitMsMax = requestLimits.fetchWaitMsMax } = instance;
    const type = recordsType(call.context.req.header('accept'), format);
    if (type === undefined) {
      throw new DialectError(FORMAT_MISMATCH, `The instance has records as ${format}, which Accept does not name.`);
    }
    const waitMs = Math.min(timeoutMs, waitMsMax, requestLimits.fetchWaitMsMax);
    const request = {
      waitMs,
      maxRecords: requestLimits.fetchRecordsDefault,
      maxBytes: Math.max(1, Math.min(contentBytesMax ?? requestLimits.fetchBytesDefault, requestLimits.fetchBytesMax)),
      rack: rackOf((name) => call.context.req.header(name)),
      authorize: authorizeFor(call),
      take: (partitions: Parameters<typeof renderPolled>[0]) => renderPolled(partitions, { format, contentBytesMax }),
    };
    const result = await waitingFor(door, call, waitMs, (signal) =>
      pollInstance(broker, { id, instance }, { ...request, signal }),
    );
    if (result.outcome === 'nothing-subscribed') {
      throw new DialectError(ILLEGAL_STATE, 'The instance is subscribed to nothing, and has no partitions assigned.');
    }
    return typedAnswer(result.outcome === 'delivered' ? result.answer : '[]', type);
  });
}

function numberOf(call: DialectCall, name: 'timeout' | 'max_bytes'): number | undefined {
  const text = call.query(name);
  if (text === undefined) return undefined;
  const number = /^\d{1,19}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw malformedField(name, 'must be a whole number from 0 on');
  return number;
}
