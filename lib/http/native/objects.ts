/**
 * The bytes behind the local server's own signed URLs, which `plan` hands out. The signature is the permission: no key is
 * asked for, as with S3. As there, the signed range must be sent as the `Range` header.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
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
    if (context.req.header('range') !== signed) {
      throw new MillraceError(
        'FORBIDDEN',
        `The URL is signed for the header "Range: ${signed}", which must be sent with it.`,
      );
    }
    const bytes = await broker.objects.getRange(name, range);
    if (bytes === undefined) throw new MillraceError('NOT_FOUND', 'The object is gone; ask for a new plan.');
    const headers = {
      'Content-Range': `bytes ${range.start}-${range.start + bytes.length - 1}/*`,
      'Content-Length': String(bytes.length),
      'Cache-Control': OBJECT_CACHE_CONTROL,
    };
    return typedAnswer(bytes, 'application/octet-stream', { status: 206, headers });
  });
}

/**
 * An object never changes, and another one never has its name. `public`, because the URL is the permission and a cache's key.
 * Not for longer than URLs live: nobody asks with one after that, and what is deleted or erased shall be gone from caches too.
 */
const OBJECT_CACHE_CONTROL = `public, max-age=${limits.presignedUrlMs / 1_000}, immutable`;

const refusals = {
  malformed: 'The URL is not one that this server signs.',
  signature: "The URL's signature does not fit it.",
  expired: 'The URL has expired; ask for a new plan.',
} as const;
