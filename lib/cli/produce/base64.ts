import { fromBase64 } from '../../client/base64.ts';
import { utf8Text } from '../../kernel/bytes.ts';
import { BadLine } from './bad-line.ts';

/** Strict, with padding: what is not base64 is more likely the wrong format than a value. */
export function decoded(bytes: Uint8Array, name: string): Uint8Array {
  const text = utf8Text(bytes);
  if (text !== undefined && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)) return fromBase64(text);
  throw new BadLine(`has a ${name} that is not base64 with padding`);
}
