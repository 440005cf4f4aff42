/**
 * The bytes behind the local server's own signed URLs, which `plan` hands out. The signature is the permission: no key
 * is asked for, as with S3. As there, the signed range must be sent as the `Range` header; who asks with an `If-Range`
 * that is not the object's tag asks for all of it, which the URL does not allow.
 */
import type { Broker } from '../../broker/broker.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { OBJECT_CACHE_CONTROL } from '../../log/segment/cache-control.ts';
import { typedAnswer } from '../answer.ts';
import type { Door } from '../door.ts';

export function mountObjects(door: Door): void {
  const { broker, objectUrls } = door.options;
  if (objectUrls === undefined) return;

  door.app.get('/v1/objects/*', async (context) => {
    const verified = objectUrls.verify(context.req.url);
    if (verified.outcome === 'refused') {
      throw new MillraceError('FORBIDDEN', refusals[verified.reason]);
    }
    const { name, range } = verified;
    const signed = `bytes=${range.start}-${range.end - 1}`;
    // A name is used once, and its bytes never change.
    const tag = `"${name}"`;
    const ifRange = context.req.header('if-range');
    if (context.req.header('range') !== signed || (ifRange !== undefined && ifRange !== tag)) {
      throw new MillraceError(
        'FORBIDDEN',
        `The URL is signed for the header "Range: ${signed}", which must be sent with it; an If-Range must not undo it.`,
      );
    }
    const bytes = await broker.objects.getRange(name, range);
    if (bytes === undefined) throw gone();
    if (bytes.length === 0) return beyondTheEnd(broker.objects, name);
    const headers = {
      'Accept-Ranges': 'bytes',
      'Content-Range': `bytes ${range.start}-${range.start + bytes.length - 1}/*`,
      'Content-Length': String(bytes.length),
      'Cache-Control': OBJECT_CACHE_CONTROL,
      ETag: tag,
    };
    return typedAnswer(bytes, 'application/octet-stream', { status: 206, headers });
  });
}

/** What an object that is too short for the range has: nothing of it, and its size. */
async function beyondTheEnd(objects: Broker['objects'], name: string): Promise<Response> {
  const tail = await objects.getTail(name, 1);
  if (tail === undefined) throw gone();
  const headers = { 'Content-Range': `bytes */${tail.objectBytes}` };
  return typedAnswer(null, 'application/octet-stream', { status: 416, headers });
}

function gone(): MillraceError {
  return new MillraceError('NOT_FOUND', 'The object is gone; ask for a new plan.');
}

const refusals = {
  malformed: 'The URL is not one that this server signs.',
  signature: "The URL's signature does not fit it.",
  expired: 'The URL has expired; ask for a new plan.',
} as const;
