/** CreateAcls: none can be created. */
import type { ServedApi } from '../api.ts';
import { noAuthorizer } from '../authorization/no-authorizer.ts';

export const createAcls: ServedApi<'CreateAcls'> = {
  lowest: 1,
  highest: 3,
  handle: (call, request) => createAcls.failed(call, request, noAuthorizer(call)),
  failed: (_call, { creations }, { code, message }) => ({
    results: creations.map(() => ({ errorCode: code, errorMessage: message })),
  }),
};
