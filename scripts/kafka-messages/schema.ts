/**
 * Kafka's message schemas: JSON with comments, one file a message, as `clients/src/main/resources/common/message` of
 * Apache Kafka has them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { intersect, NO_VERSIONS, parseVersions, type Versions } from './versions.ts';

export type Primitive =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'records';

export type FieldType =
  | { kind: Primitive }
  | { kind: 'array'; element: FieldType }
  | { kind: 'struct'; struct: Struct };

export interface Field {
  name: string;
  about: string | undefined;
  type: FieldType;
  versions: Versions;
  nullable: Versions;
  /** Versions in which the field is a tagged one, and its tag. */
  tagged: Versions;
  tag: number;
  /** Of the versions of the message, those that write it in the compact form. */
  flexible: Versions;
  ignorable: boolean;
  /** As the schema has it, where it has one. */
  default: string | undefined;
}

export interface Struct {
  name: string;
  /** Those of the message in which it occurs. */
  versions: Versions;
  flexible: Versions;
  fields: Field[];
}

export interface Message {
  struct: Struct;
  apiKey: number | undefined;
  versions: Versions;
  flexible: Versions;
  /** All structs of the message, itself first. */
  structs: Struct[];
}

interface FieldJson {
  name: string;
  type: string;
  versions: string;
  nullableVersions?: string;
  taggedVersions?: string;
  tag?: number;
  flexibleVersions?: string;
  ignorable?: boolean;
  default?: string | number | boolean;
  about?: string;
  fields?: FieldJson[];
}

interface MessageJson {
  apiKey?: number;
  name: string;
  validVersions: string;
  flexibleVersions: string;
  fields: FieldJson[];
  commonStructs?: { name: string; versions: string; fields: FieldJson[] }[];
}

const PRIMITIVES: ReadonlySet<string> = new Set<Primitive>([
  ...(['bool', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'float64'] as const),
  ...(['string', 'uuid', 'bytes', 'records'] as const),
]);

export function readMessage(directory: string, name: string): Message {
  const text = readFileSync(join(directory, `${name}.json`), 'utf8');
  const json = JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, '')) as MessageJson;
  const versions = parseVersions(json.validVersions);
  const flexible = parseVersions(json.flexibleVersions);
  return new StructParser(json, { versions, flexible }).message();
}

class StructParser {
  readonly #json: MessageJson;
  readonly #bounds: { versions: Versions; flexible: Versions };
  readonly #structs = new Map<string, Struct>();

  constructor(json: MessageJson, bounds: { versions: Versions; flexible: Versions }) {
    this.#json = json;
    this.#bounds = bounds;
  }

  message(): Message {
    const { name, apiKey, fields } = this.#json;
    const struct = this.#struct(name, fields, this.#bounds.versions);
    return { struct, apiKey, ...this.#bounds, structs: [...this.#structs.values()] };
  }

  #struct(name: string, fields: FieldJson[], versions: Versions): Struct {
    const struct: Struct = { name, versions, flexible: this.#bounds.flexible, fields: [] };
    this.#structs.set(name, struct);
    struct.fields.push(...fields.map((field) => this.#field(field, versions)));
    return struct;
  }

  #field(json: FieldJson, within: Versions): Field {
    const versions = intersect(parseVersions(json.versions), within);
    const { name, about, ignorable = false, tag = -1 } = json;
    return {
      name: name.charAt(0).toLowerCase() + name.slice(1),
      about,
      type: this.#type(json.type, json, versions),
      versions,
      nullable: json.nullableVersions === undefined ? NO_VERSIONS : parseVersions(json.nullableVersions),
      tagged: json.taggedVersions === undefined ? NO_VERSIONS : intersect(parseVersions(json.taggedVersions), versions),
      tag,
      flexible: json.flexibleVersions === undefined ? this.#bounds.flexible : parseVersions(json.flexibleVersions),
      ignorable,
      default: json.default === undefined ? undefined : String(json.default),
    };
  }

  #type(text: string, json: FieldJson, versions: Versions): FieldType {
    if (text.startsWith('[]')) return { kind: 'array', element: this.#type(text.slice(2), json, versions) };
    if (PRIMITIVES.has(text)) return { kind: text as Primitive };
    const known = this.#structs.get(text);
    if (known !== undefined) return { kind: 'struct', struct: known };
    const common = this.#json.commonStructs?.find(({ name }) => name === text);
    if (common !== undefined) {
      const of = intersect(parseVersions(common.versions), this.#bounds.versions);
      return { kind: 'struct', struct: this.#struct(text, common.fields, of) };
    }
    if (json.fields === undefined) throw new Error(`${this.#json.name} has no struct ${text}`);
    return { kind: 'struct', struct: this.#struct(text, json.fields, versions) };
  }
}
