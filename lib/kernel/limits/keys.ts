/** API keys. */
export const keyLimits = {
  principalCacheEntries: 10_000,
  /** How long a key is accepted from memory, and so how long a deleted key may still work. */
  principalCacheMs: 5_000,
  /** Grants of one key; they share its item. */
  grantsPerPrincipalMax: 100,
  /** RFC 5802 and Kafka: at least 4096. More would buy nothing, because stored secrets have 256 random bits. */
  scramIterations: 4_096,
} as const;
