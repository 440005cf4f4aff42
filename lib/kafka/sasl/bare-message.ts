/**
 * A mechanism's message as a frame of its own, as it follows SaslHandshake 0. A refusal is no more than the
 * connection's end.
 */
import { framed } from '../connection/frames.ts';
import type { Serving } from '../serve-request.ts';
import { prove } from './prove.ts';
import { hangUpSlowly } from './refuse.ts';

export async function answerBareMessage(message: Uint8Array, serving: Serving): Promise<Uint8Array[] | undefined> {
  const { session } = serving;
  const answer = session.sasl && (await prove(session, session.sasl, message));
  if (answer?.failure === undefined) return answer && framed([answer.bytes]);
  await hangUpSlowly(serving, answer.failure);
  return undefined;
}
