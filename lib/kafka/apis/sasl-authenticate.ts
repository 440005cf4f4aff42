/** SaslAuthenticate (KIP-152, KIP-368): the messages of the mechanism that the handshake has named. */
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { type Failure, NONE, wireCodes } from '../failures.ts';
import { prove } from '../sasl/prove.ts';
import { hangUpSlowly } from '../sasl/refuse.ts';

type Response = ResponseOf<'SaslAuthenticate'>;

const NOBODY_IS_ASKED: Failure = { code: wireCodes.ILLEGAL_SASL_STATE, message: 'Nobody is asked who they are here.' };

export const saslAuthenticate: ServedApi<'SaslAuthenticate'> = {
  lowest: 0,
  highest: 2,
  beforeAuthentication: true,
  handle,
  failed: (_call, _request, failure) => refused(failure),
};

async function handle(call: Call, { authBytes }: RequestOf<'SaslAuthenticate'>): Promise<Response> {
  const { session } = call;
  if (session.sasl === undefined) return refused(NOBODY_IS_ASKED);
  const answer = await prove(session, session.sasl, authBytes);
  if (answer.failure === undefined) {
    const { bytes, lifetimeMs = 0 } = answer;
    const sessionLifetimeMs = call.version >= 1 ? { sessionLifetimeMs: BigInt(Math.floor(lifetimeMs)) } : {};
    return { errorCode: NONE, errorMessage: null, authBytes: bytes, ...sessionLifetimeMs };
  }
  if (answer.isFinal) await hangUpSlowly(call, answer.failure);
  return refused(answer.failure);
}

function refused({ code, message }: Failure): Response {
  return { errorCode: code, errorMessage: message, authBytes: new Uint8Array() };
}
