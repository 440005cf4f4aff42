/** From a frame to the answer's chunks: header, body, the API's own file, and back. */
import { MillraceError } from '../kernel/errors.ts';
import { kafkaLimits } from '../kernel/limits/kafka.ts';
import type { Turns } from '../kernel/turns.ts';
import type { Call, ServedApi, Session } from './api.ts';
import { WireReader } from './codec/reader.ts';
import { WireFormatError } from './codec/wire-format-error.ts';
import { WireWriter } from './codec/writer.ts';
import { bytesIn, framed } from './connection/frames.ts';
import { failureOf, UnanswerableError, wireCodes } from './failures.ts';
import { type ApiName, apis } from './generated/apis.ts';
import type { QuotaUse } from './quota.ts';
import { answerBareMessage } from './sasl/bare-message.ts';
import { served } from './served-apis.ts';
import { isFault, tellsOfFault } from './traffic.ts';

const namesByKey: ReadonlyMap<number, ApiName> = new Map(
  Object.entries(apis).map(([name, { key }]) => [key, name as ApiName]),
);

/** What the connection brings along with a frame. */
export type Serving = Pick<
  Call,
  'gateway' | 'session' | 'signal' | 'accepted' | 'roomForAnswer' | 'roomNow' | 'hangUp' | 'mute' | 'whenSent'
>;

interface RequestHead {
  name: ApiName;
  version: number;
  correlationId: number;
  clientId: string | null;
}

/**
 * The chunks of the answer's frame; `undefined` where the request is not to be answered. Throws `WireFormatError` for
 * what is no request that is served here: the connection is then closed, as Kafka does.
 */
export async function serveRequest(frame: Uint8Array, serving: Serving): Promise<Uint8Array[] | undefined> {
  if (serving.session.sasl?.takesTokens === true) return answerBareMessage(frame, serving);
  const { turns } = serving.gateway;
  const reader = new WireReader(frame, kafkaLimits.kafkaElementsMax);
  const head = readHead(reader);
  const { name, version } = head;
  // The table gives each name its own codec and handler, which TypeScript does not see through a lookup: any of them
  // stands for all.
  const api = served[name] as unknown as ServedApi<'Heartbeat'> | undefined;
  const codec = apis[name] as unknown as (typeof apis)['Heartbeat'];
  if (api === undefined) throw new WireFormatError(`${name} is not served`);
  if (version < api.lowest || version > api.highest) return unsupportedVersion(head, api, turns);
  if (api.beforeAuthentication !== true) requireIdentity(serving.session, name);
  // What may follow is not looked at, as in Kafka: librdkafka writes three bytes too many when it asks for all topics
  // (Metadata 9 and up).
  if (frame.length > kafkaLimits.kafkaFreeBytes) await turns.ownTurn();
  const request = codec.decodeRequest(reader, version);
  const call: Call = { ...serving, version, clientId: head.clientId };
  // Handling a request can give the frame's memory back.
  const requestBytes = frame.length;
  const expected = api.answerBytes?.(call, request) ?? reader.elements * kafkaLimits.kafkaAnswerElementBytes;
  // However much is named, it is no more than all there is.
  const answerBytes = Math.min(expected, kafkaLimits.kafkaAnswerAllBytes);
  // Nobody waits for the answer any more.
  if (answerBytes > kafkaLimits.kafkaFreeBytes && !(await call.roomForAnswer(answerBytes))) return undefined;
  const { traffic } = call.gateway;
  if (reader.elements > kafkaLimits.kafkaElementsAtOnceMax) await turns.ownTurn();
  try {
    const { chunks, hasFailed } = await answerTo({ call, api, codec, head, request, requestBytes });
    traffic.done(name, { bytesIn: requestBytes, bytesOut: bytesIn(chunks ?? []), hasFailed });
    return chunks;
  } catch (error) {
    const hasFailed =
      error instanceof UnanswerableError ? isFault(error.failure.code) : !(error instanceof WireFormatError);
    // The end of its connection is the answer then. Requests with which something is wrong are not counted.
    if (hasFailed || error instanceof UnanswerableError)
      traffic.done(name, { bytesIn: requestBytes, bytesOut: 0, hasFailed });
    throw error;
  }
}

interface Asked {
  call: Call;
  api: ServedApi<'Heartbeat'>;
  codec: (typeof apis)['Heartbeat'];
  head: RequestHead;
  request: Parameters<ServedApi<'Heartbeat'>['handle']>[1];
  requestBytes: number;
}

/** Without chunks where the request is not to be answered. `hasFailed`: the answer says that something failed here. */
async function answerTo({
  call,
  api,
  codec,
  head,
  request,
  requestBytes,
}: Asked): Promise<{ chunks: Uint8Array[] | undefined; hasFailed: boolean }> {
  const { turns } = call.gateway;
  const response = await handle(api, call, request);
  const encoded = (told: NonNullable<typeof response>) =>
    frameOf(head, turns, (writer) => codec.encodeResponse(writer, head.version, told));
  const chunks = response && (await encoded(response));
  const hasFailed = await tellsOfFault(response, turns);
  const throttleMs = throttled(call, { api: head.name, requestBytes, responseBytes: bytesIn(chunks ?? []) });
  if (response === undefined || throttleMs === 0) return { chunks, hasFailed };
  return { chunks: await encoded({ ...response, throttleTimeMs: throttleMs }), hasFailed };
}

async function handle(
  api: ServedApi<'Heartbeat'>,
  call: Call,
  request: Parameters<ServedApi<'Heartbeat'>['handle']>[1],
): Promise<ReturnType<ServedApi<'Heartbeat'>['failed']> | undefined> {
  try {
    if (api.beforeAuthentication !== true) await renewIdentity(call.session);
    return await api.handle(call, request);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return api.failed(call, request, failureOf(error));
  }
}

/** Throws where the client has not said who it is, or has not said so again in time (KIP-368). */
function requireIdentity({ sasl, principal }: Session, name: ApiName): void {
  if (sasl === undefined || sasl.principal !== undefined) return;
  const what = principal === undefined ? 'before the client had said who it is' : 'after the end of its session';
  throw new WireFormatError(`${name} came ${what}`);
}

/** What it may do can have changed since the request before, and its key can be gone. */
async function renewIdentity(session: Session): Promise<void> {
  if (session.sasl === undefined) return;
  session.principal = await session.sasl.refresh();
  if (session.principal === undefined) throw new WireFormatError("the client's key is gone");
}

/** How long its quota keeps the client from being listened to. */
function throttled(
  { gateway: { quota, traffic }, session: { principal }, clientId, mute }: Call,
  use: Pick<QuotaUse, 'api' | 'requestBytes' | 'responseBytes'>,
): number {
  if (quota === undefined) return 0;
  const wanted = quota.throttleMs({ ...use, clientId, ...(principal !== undefined && { principal }) });
  const throttleMs = Math.min(Math.max(0, Math.ceil(wanted)), kafkaLimits.kafkaThrottleMsMax);
  if (throttleMs === 0) return 0;
  mute(throttleMs);
  traffic.muted(throttleMs);
  return throttleMs;
}

function readHead(reader: WireReader): RequestHead {
  const key = reader.int16();
  const version = reader.int16();
  const name = namesByKey.get(key);
  if (name === undefined) throw new WireFormatError(`there is no API ${key} here`);
  const correlationId = reader.int32();
  const clientId = reader.nullableString(false);
  if (version >= apis[name].flexibleFrom) reader.taggedFields();
  return { name, version, correlationId, clientId };
}

/**
 * Who asks for the versions in one that is not known here is told those of ApiVersions itself, in the oldest form
 * (KIP-511). Any other request cannot even be answered.
 */
function unsupportedVersion(
  head: RequestHead,
  { lowest, highest }: ServedApi<'Heartbeat'>,
  turns: Turns,
): Promise<Uint8Array[]> {
  const { name, version } = head;
  if (name !== 'ApiVersions') throw new WireFormatError(`version ${version} of ${name} is not served`);
  const apiKeys = [{ apiKey: apis.ApiVersions.key, minVersion: lowest, maxVersion: highest }];
  const response = { errorCode: wireCodes.UNSUPPORTED_VERSION, apiKeys };
  return frameOf({ ...head, version: 0 }, turns, (writer) => apis.ApiVersions.encodeResponse(writer, 0, response));
}

async function frameOf(
  { name, version, correlationId }: RequestHead,
  turns: Turns,
  body: (writer: WireWriter) => void,
): Promise<Uint8Array[]> {
  const writer = new WireWriter(kafkaLimits.kafkaElementsAtOnceMax);
  writer.int32(correlationId);
  // ApiVersions is answered with the old header in every version: the client may not know yet that there is another
  // one.
  if (version >= apis[name].flexibleFrom && name !== 'ApiVersions') writer.taggedFields();
  body(writer);
  return framed(await writer.takeInTurns(turns));
}
