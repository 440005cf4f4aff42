/** DeleteAcls: there are none to delete. */
import type { ServedApi } from '../api.ts';
import { noAuthorizer } from '../authorization/no-authorizer.ts';

export const deleteAcls: ServedApi<'DeleteAcls'> = {
  lowest: 1,
  highest: 3,
  handle: (call, request) => deleteAcls.failed(call, request, noAuthorizer(call)),
  failed: (_call, { filters }, { code, message }) => ({
    filterResults: filters.map(() => ({ errorCode: code, errorMessage: message, matchingAcls: [] })),
  }),
};
