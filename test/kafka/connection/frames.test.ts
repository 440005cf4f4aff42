import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { WireFormatError } from '../../../lib/kafka/codec/wire-format-error.ts';
import { FrameAssembler } from '../../../lib/kafka/connection/frames.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { MIB } from '../../../lib/kernel/limits/sizes.ts';
import { framed } from '../support/kafka-test-client.ts';

it('gives the same frames however the bytes are cut', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (made, cuts) => {
      const bytes = concatBytes(made.map(framed));
      const assembler = new FrameAssembler(() => 300);
      const found: Uint8Array[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const length = cuts[turn % cuts.length] as number;
        assembler.push(bytes.slice(at, at + length));
        for (let frame = assembler.next(); frame !== undefined; frame = assembler.next()) found.push(frame);
        at += length;
      }
      expect(found.map((frame) => Array.from(frame))).toEqual(made.map((frame) => Array.from(frame)));
      expect(assembler.bytes).toBe(0);
    }),
  );
});

it.each([-1, -2_147_483_648, 101, 2_147_483_647])('takes no frame of %i bytes where 100 are allowed', (size) => {
  const assembler = new FrameAssembler(() => 100);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, size);
  assembler.push(bytes);
  expect(() => assembler.next()).toThrow(WireFormatError);
});

it.each([
  ['TLS', Uint8Array.of(0x16, 3, 1, 2)],
  ['HTTP', new TextEncoder().encode('GET /healthz HTTP/1.1')],
])('says of a client of %s what it speaks', (protocol, bytes) => {
  const assembler = new FrameAssembler(() => 100);
  assembler.push(bytes);
  expect(() => assembler.announced()).toThrow(`the client speaks ${protocol}`);
});

it('says how large the next frame is as soon as its size has come', () => {
  const assembler = new FrameAssembler(() => 100);
  assembler.push(new Uint8Array([0, 0, 0]));
  expect(assembler.announced()).toBeUndefined();
  assembler.push(new Uint8Array([50, 1]));
  expect(assembler.announced()).toBe(50);
  expect(assembler.next()).toBeUndefined();
});

it('takes little more memory for a frame that comes byte by byte', () => {
  const assembler = new FrameAssembler(() => MIB);
  const bytes = framed(new Uint8Array(MIB));
  const held = heapAfter(() => {
    for (let at = 0; at < MIB / 2; at++) assembler.push(bytes.slice(at, at + 1));
  });
  expect(held).toBeLessThan(4 * MIB);
  expect(assembler.bytes).toBe(MIB / 2);
});

it('does not keep in memory what came along with a small frame', () => {
  const assembler = new FrameAssembler(() => MIB);
  assembler.push(concatBytes([framed(new Uint8Array(10)), new Uint8Array(60_000)]));
  expect(assembler.next()?.buffer.byteLength).toBe(10);
});

it('gives back the memory of what came as soon as it is in frames', () => {
  const assembler = new FrameAssembler(() => MIB);
  const bytes = concatBytes([framed(new Uint8Array(100_000).fill(7)), framed(new Uint8Array(100_000).fill(8))]);
  const chunks = [bytes.slice(0, 60_000), bytes.slice(60_000, 120_000), bytes.slice(120_000)];
  for (const chunk of chunks) assembler.push(chunk);
  const frames = [assembler.next(), assembler.next()];
  expect(frames).toEqual([Buffer.alloc(100_000, 7), Buffer.alloc(100_000, 8)]);
  expect(frames.map((frame) => frame?.buffer.byteLength)).toEqual([100_000, 100_000]);
  expect(chunks.map(({ length }) => length)).toEqual([0, 0, 0]);
});

it('does not copy a frame that came in one piece', () => {
  const assembler = new FrameAssembler(() => MIB);
  const bytes = framed(new Uint8Array(1_000).fill(7));
  assembler.push(bytes);
  expect(assembler.next()?.buffer).toBe(bytes.buffer);
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What stays of it in memory. */
function heapAfter(run: () => void): number {
  collect();
  const before = process.memoryUsage();
  run();
  collect();
  const after = process.memoryUsage();
  return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
}
