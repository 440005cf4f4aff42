/**
 * A request's body as it arrives on Node's server, for who can begin before it is whole. The bounds are those of
 * `readBody`.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { MillraceError } from '../kernel/errors.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import type { ArrivalDeadlines } from './arrival-deadlines.ts';
import { bodyTooLarge, ClientGoneError } from './body.ts';

export class ArrivingBody {
  private readonly incoming: IncomingMessage;
  private readonly unwatch: () => void;
  private pending: Buffer[] = [];
  private bytes = 0;
  private ended = false;
  private fault: Error | undefined;
  private wake: () => void = () => {};

  constructor(incoming: IncomingMessage, deadlines: ArrivalDeadlines) {
    this.incoming = incoming;
    // No pausing: the body is bounded, and a client that reads no answer before it has sent all must not get stuck.
    incoming.on('data', this.onData).on('end', this.onEnd).on('error', this.onClose).on('close', this.onClose);
    this.unwatch = deadlines.watch(() => {
      this.fail(new MillraceError('REQUEST_NOT_RECEIVED', 'the body did not arrive in time'));
    });
    if (incoming.destroyed || incoming.readableEnded) this.onClose();
  }

  /** True when nothing is left to take. */
  get drained(): boolean {
    return this.ended && this.pending.length === 0;
  }

  /**
   * All that has arrived since the last call; waits for something, or for the end. Throws what ended the body early.
   */
  async take(): Promise<Uint8Array> {
    while (this.pending.length === 0 && !this.ended && this.fault === undefined) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.pending.length === 0 && this.fault !== undefined) throw this.fault;
    const [first, ...more] = this.pending;
    this.pending = [];
    return first !== undefined && more.length === 0
      ? first
      : Buffer.concat(first === undefined ? [] : [first, ...more]);
  }

  /** Takes no more, and ends a wait for it. The server drains or cuts what still comes. */
  close(): void {
    if (!this.ended) this.fail(new ClientGoneError('nobody reads the request any more'));
  }

  private readonly onData = (chunk: Buffer): void => {
    this.bytes += chunk.length;
    if (this.bytes > requestLimits.requestBodyBytesMax) return this.fail(bodyTooLarge());
    this.pending.push(chunk);
    this.wake();
  };

  private readonly onEnd = (): void => {
    this.ended = true;
    this.detach();
    this.wake();
  };

  private readonly onClose = (): void => {
    if (this.incoming.readableEnded) this.onEnd();
    else this.fail(new ClientGoneError('the client closed the connection inside its request'));
  };

  private fail(fault: Error): void {
    this.fault ??= fault;
    this.detach();
    this.incoming.pause();
    this.wake();
  }

  private detach(): void {
    this.unwatch();
    const { incoming, onData, onEnd, onClose } = this;
    incoming.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose);
  }
}
