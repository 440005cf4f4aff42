/** The groups in the order of their ids, a page at a time. One of which nothing is left is not listed. */
import { fromBase64Url, toBase64Url, utf8, utf8Text } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { checkPageLimit, type PageRequest } from '../read-directory.ts';
import { GROUP_DIRECTORY } from './group-directory.ts';
import { type GroupView, viewGroup } from './group-view.ts';

export interface ListGroupsRequest extends PageRequest {
  /** Groups whose ids it refuses are as if they were not there. */
  isVisible?: (group: string) => boolean;
}

export interface ListGroupsResult {
  groups: GroupView[];
  /** The cursor of the next page, which may turn out to be empty; absent at the end. */
  next?: string;
}

/** Throws `INVALID_REQUEST` for a limit out of range or a cursor that is none. */
export async function listGroups(broker: Broker, request: ListGroupsRequest = {}): Promise<ListGroupsResult> {
  const { isVisible = () => true, cursor } = request;
  const limit = checkPageLimit(request.limit);
  const ids: string[] = [];
  let from = cursor === undefined ? undefined : `${decodeCursor(cursor)}\0`;
  do {
    const page: QueryPage = await broker.metadata.query({
      pk: GROUP_DIRECTORY,
      ...(from !== undefined && { from }),
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    ids.push(...page.items.map(({ key }) => key.sk).filter(isVisible));
    from = page.next;
  } while (from !== undefined && ids.length <= limit);
  const shown = ids.slice(0, limit);
  const views = await mapBounded(shown, storageLimits.storageFanOutMax, (group) => viewGroup(broker, group));
  const groups = views.filter((view) => view !== undefined);
  // The id of one that the caller may see.
  return ids.length > limit ? { groups, next: toBase64Url(utf8(shown.at(-1) as string)) } : { groups };
}

function decodeCursor(cursor: string): string {
  const bytes = fromBase64Url(cursor);
  const group = bytes && utf8Text(bytes);
  if (
    group === undefined ||
    group === '' ||
    group.length > transactionLimits.groupIdLengthMax ||
    /\p{Cc}/u.test(group)
  ) {
    throw new MillraceError('INVALID_REQUEST', 'The cursor is not one that this list returned.');
  }
  return group;
}
