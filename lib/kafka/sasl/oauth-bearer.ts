/** OAUTHBEARER (RFC 7628, KIP-255): a token, and nothing else to prove. */
import { utf8, utf8Text } from '../../kernel/bytes.ts';
import type { SaslExchange, SaslStep } from './mechanism.ts';
import type { TokenValidator } from './token-validator.ts';

const SEPARATOR = '\u0001';

export function oauthBearerExchange(tokens: TokenValidator): SaslExchange {
  let status: string | undefined;
  return {
    step: async (message) => {
      // The client was told what is wrong with its token, and has said that it understood.
      if (status !== undefined) return { outcome: 'refused', message: status };
      const claim = parse(utf8Text(message) ?? '');
      if (claim === undefined) return { outcome: 'refused', message: 'This message of OAUTHBEARER is not understood.' };
      const step = await judge(tokens, claim);
      if (step.outcome === 'continues') status = utf8Text(step.bytes);
      return step;
    },
  };
}

async function judge(tokens: TokenValidator, { token, actsAs }: Claim): Promise<SaslStep> {
  const found = await tokens.validate(token);
  if (found.outcome === 'invalid') {
    return { outcome: 'continues', bytes: utf8(JSON.stringify({ status: found.status })) };
  }
  const { principal, expiresAtMs } = found;
  if (actsAs !== '' && actsAs !== principal.id) {
    return { outcome: 'refused', message: "A token's bearer acts as nobody but the token's principal." };
  }
  return { outcome: 'proved', bytes: new Uint8Array(), identity: { principal, expiresAtMs } };
}

interface Claim {
  token: string;
  /** Empty for nobody else. */
  actsAs: string;
}

/**
 * `n,[a=id],` and then, each after a separator, `auth=Bearer <token>` and extensions, which are let be; two separators
 * end it.
 */
function parse(text: string): Claim | undefined {
  const [header = '', ...pairs] = text.split(SEPARATOR);
  const actsAs = /^n,(?:a=([^,]*))?,$/.exec(header);
  if (actsAs === null || !text.endsWith(SEPARATOR + SEPARATOR)) return undefined;
  const auth = pairs.find((pair) => pair.startsWith('auth='))?.slice('auth='.length);
  const token = /^bearer +([-\w~+/.]+=*)$/i.exec(auth ?? '')?.[1];
  if (token === undefined) return undefined;
  return { token, actsAs: (actsAs[1] ?? '').replaceAll('=2C', ',').replaceAll('=3D', '=') };
}
