/**
 * What the S3 adapter asks of S3, answered from files: so that the adapter's own requests are counted, and its own
 * memory is measured, without a server whose memory and speed would be measured too.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';

/** How a request is billed; DELETE is free. */
export type RequestClass = 'put' | 'get' | 'free';

/** Around each request: counts it, or has it take its time. */
export type AroundRequest = <T>(as: RequestClass, answer: () => Promise<T>) => Promise<T>;

export function createFileS3(root: string, around: AroundRequest): S3Client {
  mkdirSync(join(root, 'uploads'), { recursive: true });
  const server = new FileS3(root);
  const send = (command: unknown) => around(classOf(command), () => server.answer(command));
  return { send } as unknown as S3Client;
}

function classOf(command: unknown): RequestClass {
  if (command instanceof DeleteObjectsCommand) return 'free';
  return command instanceof GetObjectCommand || command instanceof HeadObjectCommand ? 'get' : 'put';
}

class FileS3 {
  private readonly root: string;
  private uploads = 0;

  constructor(root: string) {
    this.root = root;
  }

  async answer(command: unknown): Promise<unknown> {
    if (command instanceof PutObjectCommand) return this.put(command);
    if (command instanceof CreateMultipartUploadCommand) return { UploadId: `${this.uploads++}` };
    if (command instanceof UploadPartCommand) return this.putPart(command);
    if (command instanceof CompleteMultipartUploadCommand) return this.complete(command);
    if (command instanceof GetObjectCommand) return this.get(command);
    if (command instanceof HeadObjectCommand) return this.head(command);
    if (command instanceof DeleteObjectsCommand) return this.delete(command);
    if (command instanceof ListObjectsV2Command) return this.list(command);
    throw new Error('there is no answer to such a request');
  }

  private async put({ input }: PutObjectCommand): Promise<object> {
    const path = this.path(input.Key);
    mkdirSync(dirname(path), { recursive: true });
    await writeAt(path, 'w', 0, input.Body);
    return { ETag: '"e"' };
  }

  private async putPart({ input }: UploadPartCommand): Promise<object> {
    const { UploadId, PartNumber = 1, Body } = input;
    const path = this.uploadPath(UploadId);
    closeSync(openSync(path, 'a'));
    await writeAt(path, 'r+', (PartNumber - 1) * storageLimits.uploadPartBytes, Body);
    return { ETag: `"${PartNumber}"` };
  }

  private complete({ input }: CompleteMultipartUploadCommand): object {
    const path = this.path(input.Key);
    mkdirSync(dirname(path), { recursive: true });
    renameSync(this.uploadPath(input.UploadId), path);
    return {};
  }

  private get({ input }: GetObjectCommand): object {
    const path = this.path(input.Key);
    const size = this.size(path);
    if (size === undefined) throw new RefusedError('NoSuchKey', 404);
    const [start, end] = rangeIn(input.Range, size);
    const bytes = Buffer.allocUnsafeSlow(end - start);
    const file = openSync(path, 'r');
    try {
      readSync(file, bytes, 0, bytes.length, start);
    } finally {
      closeSync(file);
    }
    const head = { ContentLength: bytes.length, ContentRange: `bytes ${start}-${end - 1}/${size}` };
    return { ...head, Body: Readable.from([bytes]) };
  }

  private head({ input }: HeadObjectCommand): object {
    const size = this.size(this.path(input.Key));
    if (size === undefined) throw new RefusedError('NotFound', 404);
    return { ContentLength: size };
  }

  private delete({ input }: DeleteObjectsCommand): object {
    for (const { Key } of input.Delete?.Objects ?? []) rmSync(this.path(Key), { force: true });
    return {};
  }

  /** In one page: what is asked for here is one hour, or a few segments. */
  private list({ input }: ListObjectsV2Command): object {
    const names = readdirSync(join(this.root, 'objects'), { recursive: true, encoding: 'utf8' });
    const wanted = names.filter((name) => name.startsWith(input.Prefix ?? '')).sort();
    const sized = wanted.map((Key) => ({ Key, Size: this.size(this.path(Key)) ?? 0 }));
    return { Contents: sized.filter(({ Key }) => statSync(this.path(Key)).isFile()) };
  }

  private path(key = ''): string {
    return join(this.root, 'objects', key);
  }

  private uploadPath(id = ''): string {
    return join(this.root, 'uploads', id);
  }

  private size(path: string): number | undefined {
    return statSync(path, { throwIfNoEntry: false })?.size;
  }
}

async function writeAt(path: string, flags: string, position: number, body: unknown): Promise<void> {
  const file = openSync(path, flags);
  try {
    let at = position;
    if (typeof body === 'string') return;
    for await (const chunk of body as AsyncIterable<Uint8Array>) at += writeSync(file, chunk, 0, chunk.length, at);
  } finally {
    closeSync(file);
  }
}

function rangeIn(header: string | undefined, size: number): [number, number] {
  const asked = /^bytes=(\d*)-(\d*)$/.exec(header ?? 'bytes=0-');
  const [first = '', last = ''] = asked?.slice(1) ?? [];
  if (first === '') return [Math.max(0, size - Number(last)), size];
  if (Number(first) >= size) throw new RefusedError('InvalidRange', 416);
  return [Number(first), last === '' ? size : Math.min(size, Number(last) + 1)];
}

/** In the form of the SDK's errors. */
class RefusedError extends Error {
  readonly $metadata: { httpStatusCode: number };

  constructor(name: string, httpStatusCode: number) {
    super(name);
    this.name = name;
    this.$metadata = { httpStatusCode };
  }
}
