/** A message as it is decoded: what may be left out when it is written has its default. */
export type Decoded<T> = T extends Uint8Array | bigint | string | number | boolean | null
  ? T
  : T extends readonly (infer Element)[]
    ? Decoded<Element>[]
    : { [Name in keyof T]-?: Decoded<Exclude<T[Name], undefined>> };
