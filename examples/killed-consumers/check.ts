/** Whether what consumers say they were delivered is what a group promises. */

export interface Delivery {
  partition: number;
  offset: number;
  atMs: number;
  value: string;
}

/** What one consumer was delivered of a partition between being assigned it and giving it up, or dying. */
interface Tenure {
  consumer: number;
  deliveries: Delivery[];
}

export interface Verdict {
  faults: string[];
  delivered: number;
  /** Deliveries beyond the first of each record. */
  repeated: number;
  tenures: number;
}

/** `logs`: each consumer's lines (consumer.ts). `ends`: how many records each partition has. */
export function check(logs: readonly (readonly string[])[], ends: readonly number[]): Verdict {
  const faults: string[] = [];
  const byPartition = new Map<number, Tenure[]>();
  for (const [consumer, lines] of logs.entries()) {
    for (const [partition, tenures] of tenuresOf(consumer, lines, faults)) {
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), ...tenures]);
    }
  }
  let delivered = 0;
  let deliveries = 0;
  let tenures = 0;
  for (const [partition, end] of ends.entries()) {
    const own = (byPartition.get(partition) ?? []).sort((a, b) => startOf(a) - startOf(b));
    tenures += own.length;
    deliveries += own.reduce((sum, tenure) => sum + tenure.deliveries.length, 0);
    delivered += checkPartition(partition, end, own, faults);
  }
  return { faults, delivered, repeated: deliveries - delivered, tenures };
}

function tenuresOf(consumer: number, lines: readonly string[], faults: string[]): Map<number, Tenure[]> {
  const ended = new Map<number, Tenure[]>();
  const open = new Map<number, Tenure>();
  const close = (partition: number) => {
    const tenure = open.get(partition);
    open.delete(partition);
    if (tenure !== undefined && tenure.deliveries.length > 0) {
      ended.set(partition, [...(ended.get(partition) ?? []), tenure]);
    }
  };
  for (const line of lines) {
    const [first = '', second = '', at = '', value = ''] = line.split(' ');
    if (first === '+') open.set(Number(second), { consumer, deliveries: [] });
    else if (first === '-') close(Number(second));
    else {
      const delivery = { partition: Number(first), offset: Number(second), atMs: Number(at), value };
      const tenure = open.get(delivery.partition);
      if (tenure === undefined) faults.push(`consumer ${consumer} was delivered "${line}" of what it does not own`);
      else tenure.deliveries.push(delivery);
    }
  }
  for (const partition of open.keys()) close(partition);
  return ended;
}

/** How many records were delivered. */
function checkPartition(partition: number, end: number, tenures: readonly Tenure[], faults: string[]): number {
  /** Every record below was delivered to somebody. */
  let reached = 0;
  let before: Tenure | undefined;
  for (const tenure of tenures) {
    const who = `consumer ${tenure.consumer}, partition ${partition}`;
    if (before !== undefined && startOf(tenure) < endOf(before)) {
      faults.push(`${who}: begins at offset ${offsetOf(tenure)} while consumer ${before.consumer} has it`);
    }
    if (offsetOf(tenure) > reached) faults.push(`${who}: begins at ${offsetOf(tenure)}, after ${reached} was due`);
    for (const [index, { offset, value }] of tenure.deliveries.entries()) {
      const due = offsetOf(tenure) + index;
      if (offset !== due) faults.push(`${who}: offset ${offset} came where ${due} was due`);
      if (value !== valueAt(partition, offset)) faults.push(`${who}: offset ${offset} has the value ${value}`);
      reached = Math.max(reached, offset + 1);
    }
    before = tenure;
  }
  if (reached !== end) faults.push(`partition ${partition}: ${reached} of ${end} records were delivered`);
  return reached;
}

/** What the record at this offset has as its value. */
export function valueAt(partition: number, offset: number): string {
  return `${partition}-${offset}`;
}

function offsetOf({ deliveries }: Tenure): number {
  return deliveries[0]?.offset ?? 0;
}

function startOf({ deliveries }: Tenure): number {
  return deliveries[0]?.atMs ?? 0;
}

function endOf({ deliveries }: Tenure): number {
  return deliveries.at(-1)?.atMs ?? 0;
}
