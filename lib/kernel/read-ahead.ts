/** Reading ahead of whoever works through what is read: in order, and within bounds of number and bytes. */

export interface ReadAheadBounds<T> {
  inFlightMax: number;
  /** Of what is read or being read and was not taken yet. One item is read however large it is. */
  bytesMax: number;
  bytesOf: (item: T) => number;
}

/**
 * Each item with what was read of it, in the items' order. A failure is thrown in its turn, when all that comes before
 * it has been taken. Nothing is being read any more once this has ended, also where it is left early.
 */
export async function* readAhead<T, R>(
  items: Iterable<T>,
  { inFlightMax, bytesMax, bytesOf }: ReadAheadBounds<T>,
  read: (item: T) => Promise<R>,
): AsyncGenerator<{ item: T; result: R }> {
  const source = items[Symbol.iterator]();
  const begun: { item: T; bytes: number; reading: Promise<R> }[] = [];
  let bytes = 0;
  let next = source.next();
  const hasRoom = (item: T) => begun.length === 0 || (begun.length < inFlightMax && bytes + bytesOf(item) <= bytesMax);
  try {
    for (;;) {
      while (next.done !== true && hasRoom(next.value)) {
        const item = next.value;
        const reading = read(item);
        reading.catch(() => {}); // told in its turn
        begun.push({ item, bytes: bytesOf(item), reading });
        bytes += bytesOf(item);
        next = source.next();
      }
      const [first] = begun;
      if (first === undefined) return;
      yield { item: first.item, result: await first.reading };
      begun.shift();
      bytes -= first.bytes;
    }
  } finally {
    await Promise.allSettled(begun.map(({ reading }) => reading));
  }
}
