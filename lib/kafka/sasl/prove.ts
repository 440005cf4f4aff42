/** A message of a mechanism, whichever way it came. */
import type { Session } from '../api.ts';
import { failureOf, UnanswerableError } from '../failures.ts';
import type { Answer, SaslConversation } from './conversation.ts';

/** Where storage does not answer, nothing is wrong with what the client said: it is told nothing, and comes again. */
export async function prove(session: Session, sasl: SaslConversation, message: Uint8Array): Promise<Answer> {
  try {
    const answer = await sasl.authenticate(message);
    session.principal = sasl.principal;
    return answer;
  } catch (error) {
    const failure = failureOf(error);
    throw new UnanswerableError(`who it is cannot be found out now: ${failure.message}`, failure);
  }
}
