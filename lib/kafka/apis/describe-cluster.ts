/** DescribeCluster (KIP-700): the virtual brokers. There are no controllers that clients could talk to (KIP-919). */
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { clusterOperations } from '../authorization/authorized-operations.ts';
import { type Failure, NONE, wireCodes } from '../failures.ts';

type Request = RequestOf<'DescribeCluster'>;
type Response = ResponseOf<'DescribeCluster'>;

const BROKERS = 1;
const CONTROLLERS = 2;

export const describeCluster: ServedApi<'DescribeCluster'> = {
  lowest: 0,
  highest: 2,
  handle,
  failed: (_call, _request, failure) => refused(failure),
};

function handle(call: Call, request: Request): Response {
  const { cluster } = call.gateway;
  if (request.endpointType !== BROKERS) return refused(endpointRefusal(request.endpointType));
  return {
    errorCode: NONE,
    clusterId: cluster.id,
    controllerId: cluster.controller.nodeId,
    brokers: cluster.nodes.map(({ nodeId, host, port, rack }) => ({ brokerId: nodeId, host, port, rack })),
    ...(request.includeClusterAuthorizedOperations && { clusterAuthorizedOperations: clusterOperations(call) }),
  };
}

function endpointRefusal(endpointType: number): Failure {
  if (endpointType === CONTROLLERS) {
    return { code: wireCodes.MISMATCHED_ENDPOINT_TYPE, message: 'This is a broker, and there are no controllers.' };
  }
  return { code: wireCodes.UNSUPPORTED_ENDPOINT_TYPE, message: `There is no kind ${endpointType} of endpoints.` };
}

function refused({ code, message }: Failure): Response {
  return { errorCode: code, errorMessage: message, clusterId: '', brokers: [] };
}
