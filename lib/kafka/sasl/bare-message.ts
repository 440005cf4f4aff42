/**
 * A mechanism's message as a frame of its own, as it follows SaslHandshake 0. A refusal is no more than the
 * connection's end.
 */

import { WireWriter } from '../codec/writer.ts';
import type { Serving } from '../serve-request.ts';
import { prove } from './prove.ts';
import { hangUpSlowly } from './refuse.ts';

export async function answerBareMessage(message: Uint8Array, serving: Serving): Promise<Uint8Array[] | undefined> {
  const { session } = serving;
  const answer = session.sasl && (await prove(session, session.sasl, message));
  if (answer?.failure === undefined) return answer && framed(answer.bytes);
  await hangUpSlowly(serving, answer.failure);
  return undefined;
}

function framed(bytes: Uint8Array): Uint8Array[] {
  const size = new WireWriter();
  size.int32(bytes.length);
  return [...size.take(), bytes];
}
