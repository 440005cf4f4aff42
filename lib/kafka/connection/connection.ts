/**
 * One client's connection: frames in, answers out in the order of the requests.
 *
 * A request begins when the one before it was answered, or has said that it was accepted (`Call.accepted`): a produce
 * request that is being stored lets the next one follow, a fetch that waits for records does not.
 *
 * What a connection keeps in memory is bounded: little is read ahead of the request whose turn it is; a frame larger
 * than what every connection may have (`kafkaFreeBytes`) is read when it has its turn and room in the budget that all
 * share; an answer is not begun before the client has taken the one before. So a slow client slows nobody else, and who
 * has room without using it loses it when others wait.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../kernel/clock.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Serving } from '../serve-request.ts';
import { AnswerRoom } from './answer-room.ts';
import type { Budget } from './budget.ts';
import { FrameAssembler } from './frames.ts';
import { Outbox } from './outbox.ts';

export interface ConnectionOptions {
  socket: Duplex;
  clock: Clock;
  /**
   * Shared by all connections: for requests, for those of clients that have yet to say who they are, and for what they
   * are answered.
   */
  budgets: { requests: Budget; strangers: Budget; answers: Budget };
  /** Of a frame, as things stand. */
  frameBytesMax: () => number;
  /** Whether the client has yet to say who it is; absent: nobody has to. */
  isStranger?(): boolean;
  /** Answers a frame; `undefined`: there is no answer. What it throws ends the connection. */
  serve: (frame: Uint8Array, serving: Omit<Serving, 'gateway' | 'session'>) => Promise<Uint8Array[] | undefined>;
  /** Told why the connection was ended from this side. */
  failed(error: unknown): void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #frames: FrameAssembler;
  readonly #outbox: Outbox;
  /** Aborted when the socket ends, or the gateway drains. */
  readonly #ended = new AbortController();
  /** Requests that are not answered, and their bytes. */
  #inFlight = 0;
  #pendingBytes = 0;
  /** The request that has begun last holds up the next one. */
  #isHeldUp = false;
  /** The room that the next frame has been given, … */
  #room = 0;
  /** … and of which it is, or waits for it. */
  #budget: Budget;
  #waitsForRoom = false;
  #isGoing = false;
  /** Throttles under way: until they end, the client is not listened to. */
  #mutes = 0;
  /** No further request begins, and the connection ends with the last answer. */
  #draining = false;
  readonly #beganMs: number;
  #activeMs: number;
  /** Since when the rest of a frame is awaited from the client. */
  #frameBeganMs: number | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { socket, clock, budgets } = options;
    this.#budget = budgets.requests;
    this.#frames = new FrameAssembler(options.frameBytesMax);
    this.#outbox = new Outbox(socket, clock);
    this.#beganMs = clock.monotonic();
    this.#activeMs = this.#beganMs;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    // A reset is no more than an end: `close` follows.
    socket.on('error', () => {});
    socket.on('close', () => this.#closed());
  }

  /** Takes no further requests, answers those that have begun, and ends. Long waits end at once. */
  drain(): void {
    this.#draining = true;
    this.#ended.abort();
    this.#endIfDone();
  }

  destroy(): void {
    this.#options.socket.destroy();
  }

  /**
   * Whether it has been silent, at one frame, at taking an answer, or at saying who the client is for longer than
   * allowed.
   */
  isOverdue(): boolean {
    const { clock, budgets } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#beganMs > kafkaLimits.kafkaAuthenticationMsMax && this.#options.isStranger?.() === true)
      return true;
    const { kafkaFrameMsMax, kafkaIdleMsMax, kafkaContendedMsMax } = kafkaLimits;
    const keepsOthersWaiting = this.#room > 0 && this.#budget.isContended;
    const frameMs = nowMs - (this.#frameBeganMs ?? nowMs);
    if (frameMs > (keepsOthersWaiting ? kafkaContendedMsMax : kafkaFrameMsMax)) return true;
    if (keepsOthersWaiting && this.#frames.bytes < bytesBy(frameMs)) return true;
    if (this.#outbox.stuckMs() > (budgets.answers.isContended ? kafkaContendedMsMax : kafkaIdleMsMax)) return true;
    return this.#inFlight === 0 && !this.#waitsForRoom && nowMs - this.#activeMs > kafkaIdleMsMax;
  }

  #received(chunk: Uint8Array): void {
    if (this.#draining) return;
    this.#activeMs = this.#options.clock.monotonic();
    this.#frames.push(chunk);
    this.#goOn();
  }

  /** Begins the requests that may begin, and reads on where that is what they wait for. */
  #goOn(): void {
    if (this.#isGoing || this.#draining || this.#options.socket.destroyed) return;
    this.#isGoing = true;
    try {
      while (this.#mayBegin()) {
        const frame = this.#frames.next();
        if (frame === undefined) break;
        this.#begin(frame);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isGoing = false;
    }
    this.#readOn();
  }

  /** It is the next frame's turn, and it has room. */
  #mayBegin(): boolean {
    if (this.#mustWait()) return false;
    const bytes = this.#frames.announced() ?? 0;
    if (this.#room > 0 || this.#pendingBytes + bytes <= kafkaLimits.kafkaFreeBytes) return true;
    if (this.#waitsForRoom) return false;
    const granted = () => {
      this.#waitsForRoom = false;
      this.#room = bytes;
      this.#goOn();
    };
    const { strangers, requests } = this.#options.budgets;
    this.#budget = this.#options.isStranger?.() === true ? strangers : requests;
    if (this.#budget.take(this, bytes, granted)) this.#room = bytes;
    else this.#waitsForRoom = true;
    return this.#room > 0;
  }

  /** The next frame does, for those before it or for its client's quota. */
  #mustWait(): boolean {
    return this.#isHeldUp || this.#mutes > 0 || this.#inFlight >= kafkaLimits.kafkaRequestsInFlightMax;
  }

  async #mute(ms: number): Promise<void> {
    this.#mutes += 1;
    await this.#options.clock.sleep(ms, this.#ended.signal);
    this.#mutes -= 1;
    this.#goOn();
  }

  /**
   * Reads while the next frame waits for nothing but its bytes, and a little ahead otherwise, to see the client's end.
   */
  #readOn(): void {
    const { socket, clock } = this.#options;
    if (this.#draining || socket.destroyed) return;
    const waits = this.#waitsForRoom || this.#mustWait();
    this.#frameBeganMs = waits || this.#frames.bytes === 0 ? undefined : (this.#frameBeganMs ?? clock.monotonic());
    if (waits && this.#frames.bytes > kafkaLimits.kafkaReadAheadBytesMax) socket.pause();
    else if (socket.isPaused()) socket.resume();
  }

  #begin(frame: Uint8Array): void {
    const { budgets, serve } = this.#options;
    const room = this.#takeRoom();
    const budget = this.#budget;
    const { length } = frame;
    this.#inFlight += 1;
    this.#pendingBytes += length;
    this.#frameBeganMs = undefined;
    this.#isHeldUp = true;
    let isNewest = true;
    const accepted = () => {
      if (!isNewest) return;
      isNewest = false;
      this.#isHeldUp = false;
      this.#goOn();
    };
    const { signal } = this.#ended;
    const answerRoom = new AnswerRoom(budgets.answers);
    const roomForAnswer = (bytes: number) => answerRoom.take(bytes, signal);
    const roomNow = (bytes: number) => answerRoom.takeNow(bytes);
    const hangUp = () => {
      this.#draining = true;
    };
    const mute = (ms: number) => void this.#mute(ms);
    const listeners: (() => void)[] = [];
    const whenSent = (sent: () => void) => listeners.push(sent);
    const answer = serve(frame, { signal, accepted, roomForAnswer, roomNow, hangUp, mute, whenSent })
      .then((chunks) => chunks && answerRoom.settle(chunks))
      .finally(() => {
        this.#pendingBytes -= length;
        if (room > 0) budget.give(room);
      });
    void this.#deliver(answer, listeners).then(() => {
      answerRoom.release();
      this.#inFlight -= 1;
      accepted();
      this.#goOn();
      this.#endIfDone();
    });
  }

  /** What the frame that begins has been given. */
  #takeRoom(): number {
    // It may have come to fit without, while it waited.
    if (this.#waitsForRoom) this.#budget.withdraw(this);
    this.#waitsForRoom = false;
    const room = this.#room;
    this.#room = 0;
    return room;
  }

  /** Never rejects. */
  async #deliver(
    answer: Promise<readonly Uint8Array[] | undefined>,
    listeners: readonly (() => void)[],
  ): Promise<void> {
    try {
      await this.#outbox.send(answer, () => {
        for (const sent of listeners) sent();
      });
      this.#activeMs = this.#options.clock.monotonic();
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * What the client still sends is passed over, until it closes as well: closing at once could cost it the last
   * answers.
   */
  #endIfDone(): void {
    const { socket } = this.#options;
    if (!this.#draining || this.#inFlight > 0 || socket.destroyed) return;
    socket.end();
    socket.resume();
  }

  #fail(error: unknown): void {
    this.#options.failed(error);
    this.#options.socket.destroy();
  }

  #closed(): void {
    this.#ended.abort();
    this.#budget.withdraw(this);
    if (this.#room > 0) this.#budget.give(this.#room);
    this.#room = 0;
  }
}

/** What has come by then of a frame that others wait for. */
function bytesBy(frameMs: number): number {
  const { kafkaContendedGraceMs, kafkaContendedBytesPerSecondMin } = kafkaLimits;
  return ((frameMs - kafkaContendedGraceMs) / 1_000) * kafkaContendedBytesPerSecondMin;
}
