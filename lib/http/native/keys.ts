/** API keys over HTTP. */
import type { z } from '@hono/zod-openapi';
import { createKey } from '../../broker/keys/create-key.ts';
import { deleteKey } from '../../broker/keys/delete-key.ts';
import { listKeys } from '../../broker/keys/list-keys.ts';
import type { KeySummary } from '../../coordination/tenants/principal-item.ts';
import { emptyAnswer, jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { createKeyRoute, createKeySchema, deleteKeyRoute, type keySchema, listKeysRoute } from './keys-routes.ts';
import { jsonBody, mount } from './mount.ts';

export function mountKeys(door: Door): void {
  const { broker } = door.options;

  mount(door, createKeyRoute, async ({ context }) => {
    const { scopes, topic_prefix: topicPrefix } = await jsonBody(door, context, createKeySchema);
    const grants = [...new Set(scopes)].map((scope) => ({ scope, topicPrefix }));
    const { secret, ...key } = await createKey(broker, { grants });
    return jsonAnswer(JSON.stringify({ ...keyAnswer(key), secret }), 201);
  });

  mount(door, listKeysRoute, async ({ query }) => {
    const { keys, next } = await listKeys(broker, query);
    return jsonAnswer(JSON.stringify({ keys: keys.map(keyAnswer), next }));
  });

  mount(door, deleteKeyRoute, async ({ params }) => {
    await deleteKey(broker, params.id);
    return emptyAnswer(204);
  });
}

/** All grants of a key that was made here have the same prefix. */
function keyAnswer(key: KeySummary): z.input<typeof keySchema> {
  return {
    id: key.id,
    scopes: key.grants.map(({ scope }) => scope),
    topic_prefix: key.grants[0]?.topicPrefix,
    created_at: key.createdMs,
  };
}
