/** HTTP over a bare socket, for what no client library would send. */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export class RawConnection {
  private readonly socket: Socket;
  private received = Buffer.alloc(0);
  private closed = false;
  private wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    // A reset after the answer is the peer's right.
    socket.on('error', () => this.onClose());
    socket.on('close', () => this.onClose());
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname.replaceAll(/[[\]]/g, ''));
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.setNoDelay(true);
    return new RawConnection(socket);
  }

  /** Resolves when the bytes are on their way, or the peer takes no more. */
  async send(bytes: string | Uint8Array): Promise<void> {
    if (this.closed) return;
    await new Promise<void>((resolve) => {
      this.socket.write(bytes, () => resolve());
    });
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Everything so far, once `enough` says so or the peer has closed. */
  async until(enough: (text: string) => boolean): Promise<string> {
    for (;;) {
      const text = this.received.toString('latin1');
      if (this.closed || enough(text)) return text;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** The next answer, by its Content-Length or until the peer closes; `undefined` where it closed without one. */
  async answer(): Promise<RawAnswer | undefined> {
    const text = await this.until((received) => parse(received)?.whole === true);
    const parsed = parse(text);
    if (parsed === undefined) return undefined;
    this.received = this.received.subarray(parsed.length);
    return parsed.answer;
  }

  private onClose(): void {
    this.closed = true;
    this.wake();
  }
}

function parse(text: string): { answer: RawAnswer; whole: boolean; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const bodyLength = Number(headers['content-length'] ?? Number.POSITIVE_INFINITY);
  const bodyStart = headEnd + 4;
  return {
    answer: { status: Number(statusLine.split(' ')[1]), headers, body: text.slice(bodyStart, bodyStart + bodyLength) },
    whole: text.length >= bodyStart + bodyLength,
    length: Math.min(text.length, bodyStart + bodyLength),
  };
}

/** One request's bytes. Host and Content-Length are added where they are not given. */
export function rawRequest(requestLine: string, headers: Record<string, string> = {}, body = ''): string {
  const all: Record<string, string> = {
    Host: 'localhost',
    ...(body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${requestLine} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
