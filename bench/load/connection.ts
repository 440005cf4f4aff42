/** One keep-alive connection that sends a request as soon as the last one is answered. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ResponseReader } from './response-reader.ts';

export interface Answer {
  status: number;
  bodyBytes: number;
  latencyMs: number;
}

const READ_BUFFER_BYTES = 256 * 1024;

export class Connection {
  private readonly port: number;
  private readonly reader = new ResponseReader();
  private socket: Socket | undefined;
  private finish: ((error?: Error) => void) | undefined;

  constructor(port: number) {
    this.port = port;
  }

  async open(): Promise<void> {
    const socket = connect({
      host: '127.0.0.1',
      port: this.port,
      noDelay: true,
      // Every read goes into the same memory: nothing is allocated for bytes that are only counted.
      onread: {
        buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
        callback: (length, buffer) => this.read(length, buffer),
      },
    });
    await once(socket, 'connect');
    socket.on('error', (error) => this.finish?.(error));
    socket.on('close', () => this.finish?.(new Error('the server closed a connection')));
    this.socket = socket;
  }

  /** Sends a whole request and waits for the whole answer. */
  async exchange(request: Buffer): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sentMs = performance.now();
    this.reader.reset();
    this.finish = (error) => (error === undefined ? resolve() : reject(error));
    this.socket?.write(request);
    try {
      await promise;
    } finally {
      this.finish = undefined;
    }
    const { status, bodyBytes } = this.reader;
    return { status, bodyBytes, latencyMs: performance.now() - sentMs };
  }

  close(): void {
    this.socket?.destroy();
  }

  private read(length: number, buffer: Uint8Array): boolean {
    try {
      if (this.reader.push(Buffer.from(buffer.buffer, buffer.byteOffset, length))) this.finish?.();
    } catch (error) {
      this.finish?.(error as Error);
    }
    return true;
  }
}
