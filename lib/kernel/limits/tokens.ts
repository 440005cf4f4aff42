/** Tokens of OAuth issuers. */
export const tokenLimits = {
  /** How far the issuer's clock may be off (Kafka: `sasl.oauthbearer.clock.skew.seconds`). */
  tokenSkewMs: 30_000,
  /** How long the issuer may take to show its keys, … */
  keysMsMax: 5_000,
  /** … how long they are taken from memory, … */
  keysAgeMsMax: 10 * 60_000,
  /** … and how soon they are asked for again for a token whose key is not among them. */
  keysCooldownMs: 30_000,
  /** The name of a principal. */
  principalLengthMax: 256,
} as const;
