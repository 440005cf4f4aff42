/** DescribeAcls: there are none. */
import type { ServedApi } from '../api.ts';
import { noAuthorizer } from '../authorization/no-authorizer.ts';

export const describeAcls: ServedApi<'DescribeAcls'> = {
  lowest: 1,
  highest: 3,
  handle: (call, request) => describeAcls.failed(call, request, noAuthorizer(call)),
  failed: (_call, _request, { code, message }) => ({ errorCode: code, errorMessage: message, resources: [] }),
};
