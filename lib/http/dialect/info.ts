/** What the dialect says of the server itself: its version, its health, its description. */
import { checkHealth } from '../../broker/check-health.ts';
import { COMMON_HEADERS, jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { healthyRoute, infoRoute, openApi3Route, openApiRoute, readyRoute } from './info-routes.ts';
import { mountDialectRoute } from './mount.ts';
import { DIALECT_VERSION, dialectDocument } from './openapi.ts';

export function mountDialectInfo(door: Door): void {
  const { broker, log, advertisedUrl } = door.options;

  mountDialectRoute(door, infoRoute, async () => jsonAnswer(JSON.stringify({ bridge_version: DIALECT_VERSION })));

  for (const route of [healthyRoute, readyRoute]) {
    mountDialectRoute(door, route, async () => {
      const health = await checkHealth(broker);
      if (!health.healthy) log?.warn('storage does not answer', { reason: health.reason });
      return new Response(null, { status: health.healthy ? 200 : 500, headers: COMMON_HEADERS });
    });
  }

  let text: string | undefined;
  for (const route of [openApiRoute, openApi3Route]) {
    mountDialectRoute(door, route, async () => {
      text ??= JSON.stringify(dialectDocument(advertisedUrl));
      return jsonAnswer(text);
    });
  }
}
