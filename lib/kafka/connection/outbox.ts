/**
 * Answers on their way to one client: in the order of their requests, in parts, the next one when the client has taken
 * the one before.
 */
import { nextTick } from 'node:process';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../kernel/clock.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { bytesIn } from './frames.ts';

type Answer = Promise<readonly Uint8Array[] | undefined>;

export class Outbox {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  /** Resolves when all answers so far are sent, or cannot be sent any more. */
  #sent: Promise<void> = Promise.resolve();
  #stuckSinceMs: number | undefined;
  /** What is written waits in the socket for the end of the turn. */
  #isHeld = false;

  constructor(socket: Duplex, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  /** How long the client has taken nothing of what there is for it. */
  stuckMs(): number {
    return this.#stuckSinceMs === undefined ? 0 : this.#clock.monotonic() - this.#stuckSinceMs;
  }

  /**
   * Sends an answer after those before it. Resolves when it is on its way, or the connection closed. Rejects, after
   * those before it are sent, where there will be no answer.
   *
   * `written` is called when the socket needs none of the answer's bytes any more.
   */
  send(answer: Answer, written?: () => void): Promise<void> {
    const before = this.#sent;
    const sent = this.#sendAfter(before, answer, written);
    this.#sent = sent.catch(() => {});
    return sent;
  }

  async #sendAfter(before: Promise<void>, answer: Answer, written: (() => void) | undefined): Promise<void> {
    const [settled] = await Promise.allSettled([answer, before]);
    if (settled.status === 'rejected') {
      this.#letGo();
      throw settled.reason;
    }
    const parts = [...partsOf(settled.value ?? [])];
    const last = parts.at(-1);
    for (const part of parts) await this.#write(part, part === last ? written : undefined);
  }

  /** Small answers that are ready at the same time go out together: each of the socket's calls wakes the client. */
  #hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#socket.cork();
    nextTick(() => this.#letGo());
  }

  #letGo(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#socket.uncork();
  }

  async #write(part: readonly Uint8Array[], written: (() => void) | undefined): Promise<void> {
    const socket = this.#socket;
    if (!socket.writable) return;
    this.#hold();
    const last = part.at(-1);
    for (const chunk of part) socket.write(chunk, chunk === last ? written : undefined);
    if (bytesIn(part) > kafkaLimits.kafkaAnswersTogetherBytesMax) this.#letGo();
    if (socket.writableLength < kafkaLimits.kafkaUnsentBytesMax) return;
    this.#stuckSinceMs = this.#clock.monotonic();
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.on('drain', done);
      socket.on('close', done);
    });
    this.#stuckSinceMs = undefined;
  }
}

/** The chunks in groups of so many bytes, cut where a group is full; nothing is copied. */
function* partsOf(chunks: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let part: Uint8Array[] = [];
  let left: number = kafkaLimits.kafkaUnsentBytesMax;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + left);
      part.push(piece);
      at += piece.length;
      left -= piece.length;
      if (left > 0) continue;
      yield part;
      part = [];
      left = kafkaLimits.kafkaUnsentBytesMax;
    }
  }
  if (part.length > 0) yield part;
}
