/**
 * SaslHandshake: the mechanism by which a client is to prove who it is. With version 0 the mechanism's messages follow
 * without headers.
 */
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { NONE, wireCodes } from '../failures.ts';
import { hangUpSlowly } from '../sasl/refuse.ts';

export const saslHandshake: ServedApi<'SaslHandshake'> = {
  lowest: 0,
  highest: 1,
  beforeAuthentication: true,
  handle,
  failed: (_call, _request, { code }) => ({ errorCode: code, mechanisms: [] }),
};

async function handle(call: Call, { mechanism }: RequestOf<'SaslHandshake'>): Promise<ResponseOf<'SaslHandshake'>> {
  const { sasl } = call.session;
  // Nobody is asked who they are.
  if (sasl === undefined) return { errorCode: wireCodes.ILLEGAL_SASL_STATE, mechanisms: [] };
  const refusal = sasl.handshake(mechanism, { isRaw: call.version === 0 });
  if (refusal?.isFinal === true) await hangUpSlowly(call, refusal.failure);
  return { errorCode: refusal?.failure.code ?? NONE, mechanisms: sasl.mechanisms };
}
