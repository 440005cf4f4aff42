/** The HTTP app over the embedded stores in memory, for tests of the door. */
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import { createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { createApp } from '../../lib/http/app.ts';
import type { DoorOptions } from '../../lib/http/door.ts';
import { createHttpServer } from '../../lib/http/node-server.ts';
import type { Clock } from '../../lib/kernel/clock.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createLocalPresigner, type LocalPresigner } from '../../lib/storage/objects/local-presign.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

export interface HttpWorldOptions extends Partial<Omit<DoorOptions, 'broker'>> {
  inlineBytesMax?: number;
}

export function httpWorld({ inlineBytesMax = 4_096, ...options }: HttpWorldOptions = {}) {
  const clock: Clock = options.clock ?? systemClock;
  const random = seededRandom(1);
  const metadata = openSqliteMetadataStore({ path: ':memory:' });
  closers.push(() => metadata.close());
  const presigner: LocalPresigner = createLocalPresigner({
    secret: new Uint8Array(32),
    baseUrl: () => 'http://localhost',
    clock,
  });
  const objects = createTieredObjectStore({
    inline: createInlineObjectStore({ metadata, clock }),
    bucket: createMemoryObjectStore({ presigner }),
    inlineBytesMax,
  });
  const broker = createBroker({ metadata, objects, compression: nodeCompression, clock, random });
  const app = createApp({ streaming: true, objectUrls: presigner, ...options, broker, clock, random });
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const json = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
    return app.request(`http://localhost${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : (body as string) }),
    });
  };
  return { app, broker, clock, call };
}

/** The same behind Node's own server, on a free port of loopback. */
export async function listeningWorld({ headersMsMax, ...options }: HttpWorldOptions & { headersMsMax?: number } = {}) {
  const world = httpWorld(options);
  const http = createHttpServer({
    app: world.app,
    clock: systemClock,
    random: seededRandom(2),
    log: options.log,
    headersMsMax,
    bodyMsMax: options.bodyMsMax,
  });
  await new Promise<void>((resolve) => {
    http.server.listen(0, '127.0.0.1', resolve);
  });
  closers.unshift(async () => {
    http.server.closeAllConnections();
    await http.close();
  });
  const { port } = http.server.address() as AddressInfo;
  return { ...world, http, url: `http://127.0.0.1:${port}` };
}
