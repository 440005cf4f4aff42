/** What dispatchers with planted bugs are made with. */
import { utf8Text } from '../../../lib/kernel/bytes.ts';
import type { Invocation, InvocationResult } from '../../../lib/triggers/ports.ts';
import type { DeliveryPorts } from './dispatch-servers.ts';

export function trustingAnswers(ports: DeliveryPorts): DeliveryPorts {
  const { events } = ports;
  return {
    ...ports,
    events: {
      ...events,
      read: (response, batch) => {
        const read = events.read(response, batch);
        return read.outcome === 'unreadable' ? { outcome: 'done', state: {} } : read;
      },
    },
  };
}

interface Span {
  first: number;
  last: number;
}

/**
 * Answers for the function where it is to have the second half of a batch that failed, whose first half it has done.
 */
export function forgettingHalves(ports: DeliveryPorts): DeliveryPorts {
  const { invoker } = ports;
  const failed = new Map<string, Span>();
  const skipped = new Map<string, number>();
  const note = (name: string, span: Span, { outcome }: InvocationResult) => {
    const before = failed.get(name);
    if (outcome === 'failed') failed.set(name, span);
    else if (before?.first === span.first && before.last > span.last) skipped.set(name, span.last + 1);
  };
  return {
    ...ports,
    invoker: {
      invoke: async (invocation) => {
        const found = spanOf(invocation);
        if (found === undefined) return invoker.invoke(invocation);
        const { name, ...span } = found;
        if (skipped.get(name) === span.first) {
          skipped.delete(name);
          return { outcome: 'returned', requestId: 'skipped', response: { state: {} } };
        }
        const result = await invoker.invoke(invocation);
        note(name, span, result);
        return result;
      },
    },
  };
}

function spanOf({ target, payload }: Invocation): (Span & { name: string }) | undefined {
  const event = JSON.parse(utf8Text(payload) ?? '') as { records: Record<string, { offset: number }[]> };
  const [[place, records] = ['', []]] = Object.entries(event.records);
  const [first, last] = [records[0]?.offset, records.at(-1)?.offset];
  return first === undefined || last === undefined ? undefined : { name: `${target} ${place}`, first, last };
}
