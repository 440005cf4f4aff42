/** The header that says where a reader is, so that it is served from a replica there. Kafka: `client.rack`. */
import { z } from '@hono/zod-openapi';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { malformedField } from '../problems.ts';

const NAME = 'X-Rack';

export const rackHeaderSchema = z.object({
  [NAME]: z.string().optional().openapi({
    minLength: 1,
    maxLength: replicationLimits.rackLengthMax,
    description: 'The zone or region of the caller: of the replicas in sync one there is read, where there is one',
  }),
});

/** `undefined` where there is none. Any other name than those of replicas' racks is taken, and means nothing. */
export function rackOf(header: (name: string) => string | undefined): string | undefined {
  const rack = header(NAME);
  if (rack === undefined || (rack !== '' && rack.length <= replicationLimits.rackLengthMax)) return rack;
  throw malformedField(NAME, `must be 1 to ${replicationLimits.rackLengthMax} characters`);
}
