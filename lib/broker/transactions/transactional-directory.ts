/**
 * The directory of transactional ids, for listing: `transactional-ids` / `<id>`, without attributes.
 *
 * An entry comes with the state that names the id's first producer, in one transaction, and stays as that does. Ids
 * that were used without being initialized have no producer, and are not listed, as Kafka's have no such.
 */
import type { Write } from '../../kernel/items.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { MetadataStore, QueryPage } from '../../storage/metadata/port.ts';

const TRANSACTIONAL_DIRECTORY = 'transactional-ids';

export function planTransactionalEntry(id: string): Write {
  return { kind: 'put', key: { pk: TRANSACTIONAL_DIRECTORY, sk: id }, attributes: {} };
}

/** In the order of the ids; a page of the store at a time. */
export async function* readTransactionalIds(metadata: MetadataStore): AsyncGenerator<string[]> {
  let from: string | undefined;
  do {
    const page: QueryPage = await metadata.query({
      pk: TRANSACTIONAL_DIRECTORY,
      ...(from !== undefined && { from }),
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    yield page.items.map(({ key }) => key.sk);
    from = page.next;
  } while (from !== undefined);
}
