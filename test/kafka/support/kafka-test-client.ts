/**
 * A client of Kafka's protocol over a socket, by the generated codec. It knows nothing of brokers: what is sent is what
 * the test says.
 *
 * Requests may follow each other without waiting (pipelined); an answer that comes in another order than its request
 * fails the client.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { WireReader } from '../../../lib/kafka/codec/reader.ts';
import { WireWriter } from '../../../lib/kafka/codec/writer.ts';
import { FrameAssembler } from '../../../lib/kafka/connection/frames.ts';
import { type ApiName, apis } from '../../../lib/kafka/generated/apis.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { MIB } from '../../../lib/kernel/limits/sizes.ts';

const FRAME_BYTES_MAX = 256 * MIB;

/** What a test fills in: optional fields may be left out. */
export type RequestBody<Name extends ApiName> = Parameters<(typeof apis)[Name]['encodeRequest']>[2];
/** As it is decoded: all fields are there. */
export type ResponseBody<Name extends ApiName> = ReturnType<(typeof apis)[Name]['decodeResponse']>;

/** Any API's codec stands for all, where the name is not known to the compiler. */
type AnyCodec = (typeof apis)['Heartbeat'];

interface Awaited {
  correlationId: number;
  settle: (frame: Uint8Array) => void;
  reject: (error: Error) => void;
}

export class KafkaTestClient {
  readonly socket: Socket;
  /** Resolves when the connection is closed, by whichever side. */
  readonly closed: Promise<void>;
  clientId: string | null = 'test';
  #correlationId = 0;
  readonly #frames = new FrameAssembler(() => FRAME_BYTES_MAX);
  readonly #awaited: Awaited[] = [];
  #failure: Error | undefined;

  /** Takes a connected socket, of TLS as well. */
  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#fail(new Error('the connection was closed'));
        resolve();
      });
    });
  }

  static async open(port: number, host = '127.0.0.1'): Promise<KafkaTestClient> {
    const socket = connect(port, host);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new KafkaTestClient(socket);
  }

  /** Rejects where the connection is closed before the answer. */
  async request<Name extends ApiName>(
    name: Name,
    version: number,
    body: RequestBody<Name>,
  ): Promise<ResponseBody<Name>> {
    const answer = this.answer();
    this.send(name, version, body);
    return decodeResponse(name, version, await answer);
  }

  /** Sends without waiting for an answer: one that is never answered, or whose `answer` was asked for before. */
  send<Name extends ApiName>(name: Name, version: number, body: RequestBody<Name>): void {
    this.sendBytes(requestFrame({ name, version, correlationId: this.#correlationId, clientId: this.clientId }, body));
    this.#correlationId += 1;
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The frame that answers the request sent next, without its size and correlation id. */
  answer(): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((settle, reject) => {
      this.#awaited.push({ correlationId: this.#correlationId, settle, reject });
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  #received(chunk: Uint8Array): void {
    this.#frames.push(chunk);
    for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
      const id = new WireReader(frame).int32();
      const next = this.#awaited.shift();
      if (next?.correlationId !== id) {
        this.#fail(new Error(`request ${id} was answered where ${next?.correlationId} was awaited`));
        this.socket.destroy();
        return;
      }
      next.settle(frame.subarray(4));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#awaited.splice(0)) reject(this.#failure);
  }
}

export interface RequestHead {
  name: ApiName;
  version: number;
  correlationId: number;
  clientId: string | null;
}

/** A whole request as it goes over the socket, its size first. */
export function requestFrame<Name extends ApiName>(head: RequestHead & { name: Name }, body: RequestBody<Name>) {
  const { name, version, correlationId, clientId } = head;
  const writer = new WireWriter();
  writer.int16(apis[name].key);
  writer.int16(version);
  writer.int32(correlationId);
  writer.string(clientId, false);
  if (version >= apis[name].flexibleFrom) writer.taggedFields();
  (apis[name] as unknown as AnyCodec).encodeRequest(writer, version, body as RequestBody<'Heartbeat'>);
  return framed(concatBytes(writer.take()));
}

/** The bytes with their number before them. */
export function framed(bytes: Uint8Array): Uint8Array {
  const size = new WireWriter();
  size.int32(bytes.length);
  return concatBytes([...size.take(), bytes]);
}

/** `frame`: behind the correlation id. */
export function decodeResponse<Name extends ApiName>(name: Name, version: number, frame: Uint8Array) {
  const reader = new WireReader(frame);
  if (version >= apis[name].flexibleFrom && name !== 'ApiVersions') reader.taggedFields();
  const response = (apis[name] as unknown as AnyCodec).decodeResponse(reader, version);
  assert.equal(reader.remaining, 0, `bytes follow the answer of ${name}`);
  return response as unknown as ResponseBody<Name>;
}
