/** A message of a mechanism, whichever way it came. */
import { MillraceError } from '../../kernel/errors.ts';
import type { Session } from '../api.ts';
import { WireFormatError } from '../codec/wire-format-error.ts';
import type { Answer, SaslConversation } from './conversation.ts';

/** Where storage does not answer, nothing is wrong with what the client said: it is told nothing, and comes again. */
export async function prove(session: Session, sasl: SaslConversation, message: Uint8Array): Promise<Answer> {
  try {
    const answer = await sasl.authenticate(message);
    session.principal = sasl.principal;
    return answer;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new WireFormatError(`who it is cannot be found out now: ${error.message}`);
  }
}
