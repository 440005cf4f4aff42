/**
 * Finds where the responses of one keep-alive connection end, and counts their bytes, touching as few of them as it
 * can: a load generator that costs more than what it measures measures itself. Of HTTP/1.1 it knows what a server that
 * was sent a plain request may answer with: a status line, headers, and a body by Content-Length or in chunks.
 */

type State = 'head' | 'body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'done';

/** More than any answer's head, chunk line or trailer has. */
const LINE_LENGTH_MAX = 64 * 1024;
/** Bytes looked at in one step for the end of a head; what follows it is not to be made text. */
const HEAD_STEP = 1_024;

export class ResponseReader {
  status = 0;
  bodyBytes = 0;
  private state: State = 'head';
  private text = '';
  /** Of the body or of the chunk. */
  private bytesLeft = 0;

  /** Makes ready for the next response. */
  reset(): void {
    this.status = 0;
    this.bodyBytes = 0;
    this.state = 'head';
    this.text = '';
  }

  /** Takes bytes as they arrive; true when they ended the response. Bytes after its end are an error. */
  push(bytes: Buffer): boolean {
    let position = 0;
    while (position < bytes.length) {
      switch (this.state) {
        case 'head':
          position = this.readHead(bytes, position);
          break;
        case 'body':
        case 'chunk':
          position = this.skip(bytes, position);
          break;
        case 'chunk-size':
        case 'chunk-end':
        case 'trailer':
          position = this.readLine(bytes, position);
          break;
        case 'done':
          throw new Error('the server sent more than one response');
      }
    }
    return this.state === 'done';
  }

  private readHead(bytes: Buffer, position: number): number {
    const before = this.text.length;
    const read = Math.min(bytes.length, position + HEAD_STEP);
    this.grow(bytes.toString('latin1', position, read));
    const end = this.text.indexOf('\r\n\r\n', Math.max(0, before - 3));
    if (end < 0) return read;
    const head = this.text.slice(0, end);
    this.text = '';
    this.status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length !== undefined) {
      this.bytesLeft = Number(length);
      this.state = this.bytesLeft === 0 ? 'done' : 'body';
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.state = 'chunk-size';
    } else if (this.status === 204 || this.status === 304) {
      this.state = 'done';
    } else {
      throw new Error(`a response has neither a length nor chunks: ${head}`);
    }
    return position + end + 4 - before;
  }

  private skip(bytes: Buffer, position: number): number {
    const taken = Math.min(this.bytesLeft, bytes.length - position);
    this.bytesLeft -= taken;
    this.bodyBytes += taken;
    if (this.bytesLeft === 0) this.state = this.state === 'body' ? 'done' : 'chunk-end';
    return position + taken;
  }

  private readLine(bytes: Buffer, position: number): number {
    const end = bytes.indexOf(0x0a, position);
    this.grow(bytes.toString('latin1', position, end < 0 ? bytes.length : end));
    if (end < 0) return bytes.length;
    const line = this.text.trimEnd();
    this.text = '';
    if (this.state === 'chunk-size') {
      this.bytesLeft = Number.parseInt(line, 16);
      this.state = this.bytesLeft === 0 ? 'trailer' : 'chunk';
    } else if (this.state === 'chunk-end') {
      this.state = 'chunk-size';
    } else if (line === '') {
      this.state = 'done';
    }
    return end + 1;
  }

  private grow(text: string): void {
    this.text += text;
    if (this.text.length > LINE_LENGTH_MAX) throw new Error('a line or the head of a response has no end');
  }
}
