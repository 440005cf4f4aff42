import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseReader } from '../../../bench/load/response-reader.ts';

/** The response in pieces of these sizes, as they may arrive; true only with the last. */
function feed(reader: ResponseReader, response: Buffer, sizes: readonly number[]): boolean[] {
  const done: boolean[] = [];
  let index = 0;
  for (let position = 0; position < response.length; ) {
    const size = Math.max(1, sizes[index++ % sizes.length] ?? 1);
    done.push(reader.push(response.subarray(position, position + size)));
    position += size;
  }
  return done;
}

function withLength(body: Buffer, headers = ''): Buffer {
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n`), body]);
}

function inChunks(chunks: readonly Buffer[]): Buffer {
  const parts = chunks
    .filter(({ length }) => length > 0)
    .flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
  return Buffer.concat([
    Buffer.from('HTTP/1.1 207 Multi-Status\r\ntransfer-encoding: chunked\r\n\r\n'),
    ...parts,
    Buffer.from('0\r\n\r\n'),
  ]);
}

const sizes = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1 });
const bytes = fc.uint8Array({ maxLength: 5_000 }).map((array) => Buffer.from(array));

describe('ResponseReader', () => {
  it('finds the end of a response with a length, however it arrives', () => {
    fc.assert(
      fc.property(bytes, sizes, fc.nat(3_000), (body, pieces, padding) => {
        const reader = new ResponseReader();
        const done = feed(reader, withLength(body, `X-Padding: ${'p'.repeat(padding)}\r\n`), pieces);
        expect(done.indexOf(true)).toBe(done.length - 1);
        expect(reader).toMatchObject({ status: 200, bodyBytes: body.length });
      }),
    );
  });

  it('finds the end of a response in chunks, however it arrives', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), sizes, (chunks, pieces) => {
        const reader = new ResponseReader();
        const done = feed(reader, inChunks(chunks), pieces);
        expect(done.indexOf(true)).toBe(done.length - 1);
        const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        expect(reader).toMatchObject({ status: 207, bodyBytes: length });
      }),
    );
  });

  it('reads the next response after a reset', () => {
    const reader = new ResponseReader();
    reader.push(withLength(Buffer.from('one')));
    reader.reset();
    expect(reader.push(inChunks([Buffer.from('other')]))).toBe(true);
    expect(reader).toMatchObject({ status: 207, bodyBytes: 5 });
  });

  it('takes an answer without a body', () => {
    const reader = new ResponseReader();
    expect(reader.push(Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'))).toBe(true);
    expect(reader.status).toBe(204);
  });

  it.each([
    ['bytes after the end', Buffer.concat([withLength(Buffer.from('one')), Buffer.from('more')]), 'more than one'],
    ['a body without an end', Buffer.from('HTTP/1.1 200 OK\r\n\r\nbody'), 'neither a length nor chunks'],
    ['a head without an end', Buffer.alloc(200_000, 'x'), 'has no end'],
  ])('refuses %s', (_, response, reason) => {
    expect(() => new ResponseReader().push(response)).toThrow(reason);
  });
});
