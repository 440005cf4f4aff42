/**
 * ListGroups: of those that this virtual broker coordinates all that the caller may see, of the states and types that
 * it asks for.
 */
import { type GroupView, viewType } from '../../broker/groups/group-view.ts';
import { listGroups as list } from '../../broker/groups/list-groups.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed } from '../authorization/authorization.ts';
import { NONE } from '../failures.ts';
import { toldOfGroup } from '../groups/group-failures.ts';

type Request = RequestOf<'ListGroups'>;
type Response = ResponseOf<'ListGroups'>;
type Listed = Response['groups'][number];

/** From these versions on groups have a state (KIP-518) and a type (KIP-848). */
const STATES_FROM = 4;
const TYPES_FROM = 5;

export const listGroups: ServedApi<'ListGroups'> = {
  lowest: 0,
  highest: 5,
  answerBytes: () => kafkaLimits.kafkaAnswerAllBytes,
  handle,
  failed: (_call, _request, failure) => ({ errorCode: toldOfGroup(failure).code, groups: [] }),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const [states, types] = [request.statesFilter, request.typesFilter].map(lowerCase) as [Set<string>, Set<string>];
  const isAsked = (wanted: Set<string>, is: string) => wanted.size === 0 || wanted.has(is.toLowerCase());
  const { cluster, broker } = call.gateway;
  const isOwn = (group: string) => cluster.isCoordinator(call.session.node, group);
  const groups: Listed[] = [];
  let cursor: string | undefined;
  do {
    const page = await list(broker, {
      limit: requestLimits.listPageMax,
      isVisible: (group) => isOwn(group) && isAllowed(call, 'consume', group),
      ...(cursor !== undefined && { cursor }),
    });
    for (const view of page.groups) {
      if (isAsked(states, view.status) && isAsked(types, viewType(view))) groups.push(listed(call, view));
    }
    cursor = page.next;
  } while (cursor !== undefined);
  return { errorCode: NONE, groups };
}

function lowerCase(names: readonly string[]): Set<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

function listed({ version }: Call, view: GroupView): Listed {
  const type = viewType(view);
  const protocolType = type === 'classic' ? (view.state?.protocolType ?? '') : type;
  return {
    groupId: view.group,
    protocolType,
    ...(version >= STATES_FROM && { groupState: view.status }),
    ...(version >= TYPES_FROM && { groupType: type }),
  };
}
